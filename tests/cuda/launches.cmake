# Counts what one more round of a test case of launches_test.cu costs: kernels, waits of the host, bytes that kernels
# read and write, 32-byte sectors of memory that they touch. cmake -D PROGRAM=... -D SIMULATOR=... -D WORK=... -P launches.cmake

# case; kernels; waits of the host; bytes read by kernels; bytes written by kernels; sectors. 100000 floats are 400000
# bytes in 12500 sectors.
set(expected
    "map|1|0|800000|400000|37500"  # an operand that is named twice is read once
    "many operands|1|0|2400000|400000|87500"
    "fuse|1|0|800000|800000|50000"
    "softmax|1|0|400000|400000"
    "bounded select|2|0|-|-"     # how often blocks look for others varies
    "reduce|2|0|800100|104"      # 25 tiles, each with a partial result of 4 bytes
    "squares|2|0|400100|104|12551"  # 12500 of the array, one of each tile written and read, one of the result
    "evaluate|2|0|800500|516"    # 4 + 4 + 12 bytes per tile, 16 bytes of results
    "normalize|3|0|800104|400104"
    "columns|2|0|406400|6800"    # 16 blocks of 64 lines for each of 100 columns
    "rows|1|0|400000|4000"
    "scan|1|0|-|-"               # waits for other blocks by reading flags: their number varies
    "transpose|1|0|393216|393216|24576"
    "segments|1|0|-|-"
    "unique|1|1|-|-"             # the wait for how many there are
    "reduce by key|1|1|-|-"      # one kernel finds runs and reduces them; the same wait
    "sort rows|1|0|400000|400000|25000"
    "sort long rows|-|0|-|-"
    "sort segments|1|0|410008|400000"  # 8 bytes of each of 1251 offsets
    "decode|-|1|-|-"
    "fill and copy|1|0|-|400000|12500"  # the copy is no kernel
    "value|2|1|400100|104")      # one wait, for the value in pinned memory

function(count case repetitions prefix)
  set(stats "${WORK}/launches-${repetitions}.json")
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env LOCKSTEP_TEST_REPETITIONS=${repetitions} "${SIMULATOR}" --stats
                          "${stats}" -- "${PROGRAM}" "--test-case=launches: ${case}"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${case}: ${output}")
  endif()
  file(READ "${stats}" json)
  string(JSON kernels GET "${json}" totals kernel_launches)
  string(JSON syncs GET "${json}" totals stream_syncs)
  string(JSON implicit GET "${json}" totals implicit_syncs)
  math(EXPR waits "${syncs} + ${implicit}")
  set(read 0)
  set(written 0)
  set(sectors 0)
  string(JSON last LENGTH "${json}" kernels)
  math(EXPR last "${last} - 1")
  foreach(k RANGE ${last})
    string(JSON bytes GET "${json}" kernels ${k} global_read unique_bytes)
    math(EXPR read "${read} + ${bytes}")
    string(JSON bytes GET "${json}" kernels ${k} global_write unique_bytes)
    math(EXPR written "${written} + ${bytes}")
    foreach(direction global_read global_write)
      string(JSON touched GET "${json}" kernels ${k} ${direction} sectors)
      math(EXPR sectors "${sectors} + ${touched}")
    endforeach()
  endforeach()
  foreach(name kernels waits read written sectors)
    set(${prefix}_${name} ${${name}} PARENT_SCOPE)
  endforeach()
endfunction()

set(wrong 0)
foreach(line IN LISTS expected)
  string(REPLACE "|" ";" fields "${line}")
  list(POP_FRONT fields case)
  count("${case}" 1 once)
  count("${case}" 11 often)
  foreach(name kernels waits read written sectors)
    set(want -)
    list(POP_FRONT fields want)
    math(EXPR found "(${often_${name}} - ${once_${name}}) / 10")
    if(NOT "${want}" MATCHES "^-?$" AND NOT found EQUAL want)
      message("${case}: ${name} ${found}, expected ${want}")
      set(wrong 1)
    endif()
  endforeach()
endforeach()
if(wrong)
  message(FATAL_ERROR "Some counts are not as expected")
endif()
