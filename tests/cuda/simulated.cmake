# Tests that need a simulator: what is launched and waited for, no GPU, too little memory, and work that runs as late or
# in as unusual an order as it may. Included by ../cuda.cmake.

set(launches_case "${CMAKE_CURRENT_LIST_DIR}/launches.cmake")
add_test(NAME cuda.launches_counted
         COMMAND "${CMAKE_COMMAND}" -D PROGRAM=$<TARGET_FILE:cuda_tests> -D "SIMULATOR=${simulator}"
                 -D "WORK=${CMAKE_CURRENT_BINARY_DIR}" -P "${launches_case}")
add_test(NAME cuda.sharded_copies_counted
         COMMAND "${CMAKE_COMMAND}" -D PROGRAM=$<TARGET_FILE:cuda_tests> -D "SIMULATOR=${simulator}"
                 -D "WORK=${CMAKE_CURRENT_BINARY_DIR}" -P "${CMAKE_CURRENT_LIST_DIR}/sharded_copies.cmake")
add_test(NAME cuda.no_gpu COMMAND "${simulator}" --devices 0 -- $<TARGET_FILE:cuda_tests> --no-skip "--test-case=no GPU:*")
add_test(NAME cuda.full_memory
         COMMAND "${simulator}" --mem 64M -- $<TARGET_FILE:cuda_tests> --no-skip "--test-case=full memory:*")
add_test(NAME cuda.lazy COMMAND "${simulator}" --schedule lazy --block-order reverse --warp-order reverse
                                -- $<TARGET_FILE:cuda_tests> "--source-file=*/cuda/*")
add_test(NAME cuda.random COMMAND "${simulator}" --schedule random:1 --block-order random:2 --warp-order random:3
                                  -- $<TARGET_FILE:cuda_tests> "--source-file=*/cuda/*")
add_test(NAME cuda.three_devices COMMAND "${simulator}" --devices 3 --check all --schedule lazy
                                         -- $<TARGET_FILE:cuda_tests> "--source-file=*/cuda/nccl_test.cu,*/cuda/sharded_test.cu")
add_test(NAME cuda.two_devices COMMAND "${simulator}" --devices 2 --check all --schedule random:5
                                       -- $<TARGET_FILE:cuda_tests> --no-skip "--test-case=two GPUs:*")
set_tests_properties(cuda.launches_counted cuda.sharded_copies_counted cuda.no_gpu cuda.full_memory cuda.lazy cuda.random
                     cuda.two_devices cuda.three_devices
                     PROPERTIES LABELS cuda TIMEOUT 1800)

# Long: every file under every schedule, with blocks in both orders, on one device and on two.
if(LOCKSTEP_LONG_TESTS)
  foreach(file IN LISTS files)
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}/tests" "${file}")
    string(REGEX REPLACE "(_test)?\\.[a-z]+$" "" name "${path}")
    string(REPLACE "/" "." name "${name}")
    foreach(schedule eager lazy random:1 random:2 random:3)
      foreach(order forward reverse)
        foreach(devices 1 2)
          set(test "schedules.${name}.${schedule}.${order}.${devices}")
          add_test(NAME ${test} COMMAND "${simulator}" --devices ${devices} --schedule ${schedule} --block-order ${order}
                                        --check all -- $<TARGET_FILE:cuda_tests> "--source-file=*/${path}"
                   WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}")
          set_tests_properties(${test} PROPERTIES LABELS schedules TIMEOUT 3600)
        endforeach()
      endforeach()
    endforeach()
  endforeach()
endif()

# Debug mode, in a program of its own: after the error its GPU is lost, and the simulator's exit status says so.
add_executable(cuda_debug cuda/debug/bounds.cu)
lockstep_development_target(cuda_debug)
lockstep_cuda_warnings(cuda_debug)
target_link_libraries(cuda_debug PRIVATE lockstep::cuda)
target_compile_definitions(cuda_debug PRIVATE LOCKSTEP_DEBUG)
add_test(NAME cuda.debug COMMAND "${simulator}" --no-fatal -- $<TARGET_FILE:cuda_debug>)
set(bounds_messages "new memory is NaN.*caught: segmented_sort: found the offset 4 at 2, expected one from 5 to 10")
string(APPEND bounds_messages ".*a kernel, argument 2: found the index 1000 along axis 0, expected one in .0, 1000.")
string(APPEND bounds_messages ".*caught: launch of reads_behind on gpu:0")
set_tests_properties(cuda.debug PROPERTIES LABELS cuda PASS_REGULAR_EXPRESSION "${bounds_messages}")
add_test(NAME cuda.debug_own_view COMMAND "${simulator}" --no-fatal -- $<TARGET_FILE:cuda_debug> own)
set(own_view_messages "a kernel, a view of its own: found the index 7 along axis 0, expected one in .0, 7.")
string(APPEND own_view_messages ".*caught: launch of writes_behind_own on gpu:0")
set_tests_properties(cuda.debug_own_view PROPERTIES LABELS cuda PASS_REGULAR_EXPRESSION "${own_view_messages}")

# Faults: a program that takes the runtime's place for the calls that are to fail. And a GPU that fails for good.
add_executable(cuda_faults cuda/faults/faults.cu cuda/faults/calls.cpp)
lockstep_test_target(cuda_faults)
lockstep_cuda_warnings(cuda_faults)
target_link_libraries(cuda_faults PRIVATE lockstep::cuda ${CMAKE_DL_LIBS})
add_test(NAME cuda.faults COMMAND "${simulator}" --check all -- $<TARGET_FILE:cuda_faults>)
add_test(NAME cuda.lost_gpu COMMAND "${simulator}" --no-fatal --fail-device 0:9:700
                                    -- $<TARGET_FILE:cuda_faults> --no-skip "--test-case=lost GPU:*")
set_tests_properties(cuda.faults cuda.lost_gpu PROPERTIES LABELS cuda TIMEOUT 1800)
set_tests_properties(cuda.lost_gpu PROPERTIES PASS_REGULAR_EXPRESSION "every operation said so")

# The same for layers, training and ranks, which need NCCL.
if(TARGET lockstep::nccl)
  add_executable(cuda_rank_faults cuda/faults/ranks.cu cuda/faults/calls.cpp cuda/faults/nccl_calls.cpp)
  lockstep_test_target(cuda_rank_faults)
  lockstep_cuda_warnings(cuda_rank_faults)
  target_link_libraries(cuda_rank_faults PRIVATE lockstep::cuda lockstep::nccl ${CMAKE_DL_LIBS})
  add_test(NAME cuda.rank_faults COMMAND "${simulator}" --devices 4 --check all -- $<TARGET_FILE:cuda_rank_faults>)
  set_tests_properties(cuda.rank_faults PROPERTIES LABELS cuda TIMEOUT 400)
endif()

# Relocatable device code: files of both kinds compile and link with it. (The simulator cannot run it.)
add_executable(cuda_relocatable cuda/mixed_test.cpp ${parts})
lockstep_test_target(cuda_relocatable)
target_link_libraries(cuda_relocatable PRIVATE lockstep::cuda)
set_target_properties(cuda_relocatable PROPERTIES CUDA_SEPARABLE_COMPILATION ON)

include("${CMAKE_CURRENT_LIST_DIR}/processes/processes.cmake")

# Long: the programs above under every schedule, too.
if(LOCKSTEP_LONG_TESTS)
  # lockstep_scheduled_test(name messages command...): the messages that it has to print, or "" for its exit status
  function(lockstep_scheduled_test name messages)
    add_test(NAME schedules.${name} COMMAND ${ARGN})
    set_tests_properties(schedules.${name} PROPERTIES LABELS schedules TIMEOUT 3600)
    if(messages)
      set_tests_properties(schedules.${name} PROPERTIES PASS_REGULAR_EXPRESSION "${messages}")
    endif()
  endfunction()
  foreach(schedule eager lazy random:1 random:2 random:3)
    foreach(order forward reverse)
      set(run "${simulator}" --schedule ${schedule} --block-order ${order})
      foreach(devices 1 2)
        set(name ${schedule}.${order}.${devices})
        lockstep_scheduled_test(faults.${name} "" ${run} --devices ${devices} --check all -- $<TARGET_FILE:cuda_faults>)
        lockstep_scheduled_test(lost_gpu.${name} "every operation said so" ${run} --devices ${devices} --no-fatal
                                --fail-device 0:9:700 -- $<TARGET_FILE:cuda_faults> --no-skip "--test-case=lost GPU:*")
      endforeach()
      set(name ${schedule}.${order})
      lockstep_scheduled_test(debug.${name} "${bounds_messages}" ${run} --no-fatal -- $<TARGET_FILE:cuda_debug>)
      lockstep_scheduled_test(debug_own_view.${name} "${own_view_messages}" ${run} --no-fatal
                              -- $<TARGET_FILE:cuda_debug> own)
      if(TARGET cuda_rank_faults)
        lockstep_scheduled_test(rank_faults.${name} "" ${run} --devices 4 --check all
                                -- $<TARGET_FILE:cuda_rank_faults>)
      endif()
      if(TARGET cuda_processes)
        foreach(shared 1 0)
          foreach(devices 1 2)
            set(test processes.${name}.${devices}.${shared})
            lockstep_scheduled_test(${test} "" "${MPIEXEC_EXECUTABLE}" ${MPIEXEC_NUMPROC_FLAG} 2 ${run} --devices
                                    ${devices} --check all -- $<TARGET_FILE:cuda_processes> mpi_gpu:${devices})
            set_tests_properties(schedules.${test} PROPERTIES PROCESSORS 2 ENVIRONMENT
                                                   "${environment};LOCKSTEP_SHARED_MEMORY=${shared}")
          endforeach()
        endforeach()
      endif()
    endforeach()
  endforeach()
endif()
