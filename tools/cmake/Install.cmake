# cmake --install: headers, the static runtime, the compiler library beside it,
# and a package file for find_package(Oriel).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Oriel::runtime: build graphs, run cached and exported programs, no LLVM.
add_library(oriel_runtime_all INTERFACE)
set_target_properties(oriel_runtime_all PROPERTIES EXPORT_NAME runtime)
target_link_libraries(oriel_runtime_all INTERFACE oriel_engine oriel_graph oriel_ops oriel_core)
# Oriel::oriel: also compile(), which loads the compiler library on first need.
add_library(oriel_all INTERFACE)
set_target_properties(oriel_all PROPERTIES EXPORT_NAME oriel)
target_link_libraries(oriel_all INTERFACE oriel_jit oriel_runtime_all)
# Programs find the compiler library through their RUNPATH, wherever the package
# was installed.
target_link_options(oriel_all INTERFACE
  $<INSTALL_INTERFACE:LINKER:-rpath,$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}>)
add_library(Oriel::runtime ALIAS oriel_runtime_all)
add_library(Oriel::oriel ALIAS oriel_all)

install(TARGETS oriel_core oriel_ops oriel_graph oriel_engine oriel_jit oriel_runtime_all oriel_all
        EXPORT OrielTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/runtime/include/oriel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT OrielTargets NAMESPACE Oriel:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Oriel)
if(ORIEL_COMPILER)
  install(TARGETS oriel_compiler LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(TARGETS oriel-run oriel-opt RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/OrielConfig.cmake.in
  ${CMAKE_BINARY_DIR}/OrielConfig.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Oriel
  PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/OrielConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/OrielConfig.cmake ${CMAKE_BINARY_DIR}/OrielConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Oriel)
