# Runs the end-to-end suite compiled without one phase of the pipeline and
# passes when the suite fails, by test failures that name that phase. PART is a
# filter of test names, "" for all.
set(ENV{ORIEL_TEST_MODE} "without-${PHASE}")
if(NOT PART)
  set(PART "*")
endif()
execute_process(COMMAND ${SUITE} --gtest_fail_fast --gtest_filter=${PART} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result STREQUAL "0")
  message(FATAL_ERROR "the suite passes without the phase '${PHASE}'")
endif()
# A crash is not a failure: its result is the name of a signal.
if(NOT result STREQUAL "1")
  message(FATAL_ERROR "without the phase '${PHASE}' the suite ended with '${result}', expected 1:\n${output}")
endif()
string(FIND "${output}" "compiled without the phase '${PHASE}'" told)
if(told EQUAL -1)
  message(FATAL_ERROR "without the phase '${PHASE}' the suite fails, but nothing says that the phase is missing:\n${output}")
endif()
string(REGEX MATCH "[^\n]*compiled without the phase[^\n]*" line "${output}")
message("without '${PHASE}': ${line}")
