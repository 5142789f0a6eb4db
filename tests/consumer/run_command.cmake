# run(<command> <argument>...): prints a command, runs it, and stops the script when it fails.
function(run)
  list(JOIN ARGN " " line)
  message(STATUS "${line}")
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed: ${line}")
  endif()
endfunction()
