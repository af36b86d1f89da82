# Defines oriel_llvm_static: LLVM and MLIR as static archives, never mixed with
# the shared ones (two copies of type ids, clashes with other LLVMs).
file(GLOB _mlir_archives ${ORIEL_LLVM_PREFIX}/lib/libMLIR*.a)
list(FILTER _mlir_archives EXCLUDE REGEX "libMLIR(CAPI|Test)|ExecutionEngine|Runner")
execute_process(COMMAND ${ORIEL_LLVM_PREFIX}/bin/llvm-config --link-static --libfiles
                        x86 passes irreader orcjit jitlink debuginfodwarf objcopy
                OUTPUT_VARIABLE _llvm_archives OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(_llvm_archives)
list(JOIN _mlir_archives " " _m)
add_library(oriel_llvm_static INTERFACE)
target_link_libraries(oriel_llvm_static INTERFACE
  -Wl,--start-group ${_mlir_archives} ${_llvm_archives} -Wl,--end-group
  -l:libz.so.1 -l:libzstd.so.1 -l:libxml2.so.2 -l:libz3.so.4 -l:libffi.so.8 pthread dl m)
