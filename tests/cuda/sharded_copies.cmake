# Counts the bytes that one more round of sharded_copies_test.cu copies between GPUs and the host: fewer than a tenth of any
# of its large arrays. cmake -D PROGRAM=... -D SIMULATOR=... -D WORK=... -P sharded_copies.cmake

function(count repetitions result)
  set(stats "${WORK}/sharded-copies-${repetitions}.json")
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env LOCKSTEP_TEST_REPETITIONS=${repetitions} "${SIMULATOR}" --devices 3
                          --stats "${stats}" -- "${PROGRAM}" "--test-case=copies: sharded*"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${output}")
  endif()
  file(READ "${stats}" json)
  set(total 0)
  foreach(direction IN ITEMS host_to_device device_to_host)
    string(JSON bytes GET "${json}" totals memcpy ${direction} bytes)
    math(EXPR total "${total} + ${bytes}")
  endforeach()
  set(${result} ${total} PARENT_SCOPE)
endfunction()

count(1 once)
count(11 often)
math(EXPR found "(${often} - ${once}) / 10")
if(found GREATER 40000)
  message(FATAL_ERROR "A round copies ${found} bytes between GPUs and the host, expected at most 40000")
endif()
message("${found} bytes between GPUs and the host per round")
