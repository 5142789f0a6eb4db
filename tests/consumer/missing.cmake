# What a machine lacks is named when a project is configured, with what to do about it.
# cmake -D SOURCE=<lockstep> -D WORK=<folder> -P missing.cmake

# Configures lockstep with some options; fails unless that stops with all of the texts in ARGN.
function(expect_stop options)
  file(REMOVE_RECURSE "${WORK}")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}" -G Ninja -D LOCKSTEP_TESTS=OFF
                          -D LOCKSTEP_EXAMPLES=OFF -D LOCKSTEP_MPI=OFF ${options}
                  RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  foreach(text IN LISTS ARGN)
    string(FIND "${output}" "${text}" position)
    if(status EQUAL 0 OR position LESS 0)
      message(FATAL_ERROR "${options}: expected a stop that says \"${text}\", found status ${status}:\n${output}")
    endif()
  endforeach()
endfunction()

expect_stop("-DCMAKE_DISABLE_FIND_PACKAGE_TBB=ON" "lockstep needs TBB, which is not found" "libtbb-dev")
expect_stop("-DCMAKE_DISABLE_FIND_PACKAGE_CBLAS=ON" "lockstep needs CBLAS, which is not found" "libopenblas-dev")
expect_stop("-DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON;-DLOCKSTEP_CUDA=ON"
            "lockstep::cuda is not available: no CUDA Toolkit found")
expect_stop("-DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON;-DLOCKSTEP_MPI=ON"
            "lockstep::mpi is not available: no MPI found" "libopenmpi-dev")
expect_stop("-DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON;-DLOCKSTEP_BENCH=ON" "need benchmark" "libbenchmark-dev")
