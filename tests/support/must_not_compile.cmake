# Shows that code is refused with the message it promises. FILE holds numbered cases:
#     // case 1: part of the compiler's message
#     #if CASE == 1
#     ...
#     #endif
# What is outside of the cases must compile (case 0), so that a case fails for its own reason.
# cmake -D COMPILER=... -D INCLUDE=... -D FILE=... -P must_not_compile.cmake

function(compile case)
  execute_process(COMMAND "${COMPILER}" -std=c++20 -fsyntax-only -D CASE=${case} -I "${INCLUDE}" "${FILE}"
                  RESULT_VARIABLE status ERROR_VARIABLE output)
  set(status "${status}" PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(STRINGS "${FILE}" cases REGEX "^// case [0-9]+: .+")
if(NOT cases)
  message(FATAL_ERROR "${FILE} has no line such as: // case 1: message")
endif()
compile(0)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${FILE}: what is outside of the cases must compile\n${output}")
endif()
foreach(line IN LISTS cases)
  string(REGEX MATCH "^// case ([0-9]+): (.+)" matched "${line}")
  set(case "${CMAKE_MATCH_1}")
  set(expected "${CMAKE_MATCH_2}")
  compile(${case})
  string(FIND "${output}" "${expected}" position)
  if(status EQUAL 0)
    message(FATAL_ERROR "${FILE}: case ${case} compiles, expected the error: ${expected}")
  elseif(position LESS 0)
    message(FATAL_ERROR "${FILE}: case ${case}: expected the error: ${expected}\nfound:\n${output}")
  endif()
  message(STATUS "case ${case}: ${expected}")
endforeach()
