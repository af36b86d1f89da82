# Functions every room's CMakeLists.txt uses, so that policy lives in one file.
include_guard()

set(ORIEL_ROOT ${CMAKE_CURRENT_LIST_DIR}/../..)
get_filename_component(ORIEL_ROOT ${ORIEL_ROOT} ABSOLUTE)

# oriel_library(NAME sources... DEPS libs...): a static, position-independent
# library of the half without LLVM.
function(oriel_library NAME)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  add_library(${NAME} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${NAME} PUBLIC
    $<BUILD_INTERFACE:${ORIEL_ROOT}/runtime/include>
    $<INSTALL_INTERFACE:include>
    PRIVATE ${ORIEL_ROOT})
  target_link_libraries(${NAME} PUBLIC ${ARG_DEPS})
  target_compile_options(${NAME} PRIVATE ${ORIEL_WARNINGS} ${ORIEL_SANITIZE_FLAGS})
endfunction()

# oriel_gtest(NAME sources... DEPS libs... [LABELS l...]): a GoogleTest binary,
# run by ctest as one test.
function(oriel_gtest NAME)
  cmake_parse_arguments(ARG "" "" "DEPS;LABELS" ${ARGN})
  add_executable(${NAME} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${NAME} PRIVATE ${ORIEL_ROOT} ${ORIEL_ROOT}/runtime/include)
  target_link_libraries(${NAME} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_options(${NAME} PRIVATE ${ORIEL_WARNINGS} ${ORIEL_SANITIZE_FLAGS})
  add_test(NAME ${NAME} COMMAND ${NAME} WORKING_DIRECTORY ${ORIEL_ROOT})
  set_tests_properties(${NAME} PROPERTIES LABELS "gtest;${ARG_LABELS}" TIMEOUT 900)
endfunction()

if(ORIEL_COMPILER)
  # One precompiled header for all MLIR code: parsing MLIR is most of a file's
  # compile time. Built once, reused by every oriel_mlir_library.
  add_library(oriel_mlir_pch OBJECT ${CMAKE_CURRENT_LIST_DIR}/mlir_pch.cpp)
  target_compile_options(oriel_mlir_pch PRIVATE ${ORIEL_MLIR_FLAGS})
  target_include_directories(oriel_mlir_pch SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_include_directories(oriel_mlir_pch PRIVATE ${ORIEL_ROOT} ${ORIEL_ROOT}/runtime/include ${CMAKE_BINARY_DIR})
  target_precompile_headers(oriel_mlir_pch PRIVATE ${CMAKE_CURRENT_LIST_DIR}/mlir_pch.h)

  # oriel_mlir_library(NAME sources... DEPS libs... [TABLEGEN targets...]
  # [NO_PCH]): a static library of the compiler half.
  function(oriel_mlir_library NAME)
    cmake_parse_arguments(ARG "NO_PCH" "" "DEPS;TABLEGEN" ${ARGN})
    add_library(${NAME} STATIC ${ARG_UNPARSED_ARGUMENTS})
    target_include_directories(${NAME} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
    target_include_directories(${NAME} PUBLIC ${ORIEL_ROOT} ${ORIEL_ROOT}/runtime/include ${CMAKE_BINARY_DIR})
    target_link_libraries(${NAME} PUBLIC ${ARG_DEPS})
    target_compile_options(${NAME} PRIVATE ${ORIEL_MLIR_FLAGS})
    if(NOT ARG_NO_PCH)
      target_precompile_headers(${NAME} REUSE_FROM oriel_mlir_pch)
    endif()
    if(ARG_TABLEGEN)
      add_dependencies(${NAME} ${ARG_TABLEGEN})
    endif()
  endfunction()

  # oriel_tablegen(TARGET file.td  out1 -gen-x ... ): each pair OUT "flags".
  # Outputs land in the build tree at the same relative path.
  function(oriel_tablegen TARGET TD)
    cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
    set(outs)
    set(pairs ${ARG_UNPARSED_ARGUMENTS})
    while(pairs)
      list(POP_FRONT pairs out flags)
      separate_arguments(flags)
      file(RELATIVE_PATH rel ${ORIEL_ROOT} ${CMAKE_CURRENT_SOURCE_DIR})
      set(out ${CMAKE_BINARY_DIR}/${rel}/${out})
      get_filename_component(dir ${out} DIRECTORY)
      file(MAKE_DIRECTORY ${dir})
      add_custom_command(OUTPUT ${out}
        COMMAND ${ORIEL_MLIR_TBLGEN} --write-if-changed ${flags} -I ${ORIEL_ROOT} -I ${MLIR_INCLUDE_DIRS}
                -I ${LLVM_INCLUDE_DIRS} ${CMAKE_CURRENT_SOURCE_DIR}/${TD} -o ${out}
        DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${TD} ${ARG_DEPENDS} VERBATIM)
      list(APPEND outs ${out})
    endwhile()
    add_custom_target(${TARGET} DEPENDS ${outs})
  endfunction()

  # Everything of MLIR and LLVM as static archives, once, in a group; unused
  # parts are dropped by --gc-sections.
  function(oriel_link_llvm NAME)
    target_link_libraries(${NAME} PRIVATE oriel_llvm_static)
  endfunction()
endif()
