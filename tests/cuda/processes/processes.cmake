# Ranks on GPUs of several processes, each of which simulates its own, under mpirun: collectives, sharded arrays,
# training, and failures. Included by ../simulated.cmake.

find_package(MPI QUIET COMPONENTS CXX)
if(NOT TARGET lockstep::nccl OR NOT MPI_CXX_FOUND OR NOT MPIEXEC_EXECUTABLE)
  return()
endif()

add_executable(cuda_processes cuda/processes/ranks.cu)
lockstep_development_target(cuda_processes)
lockstep_cuda_target(cuda_processes)
target_include_directories(cuda_processes PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(cuda_processes PRIVATE lockstep_mpi ${CMAKE_DL_LIBS})

# The simulator's ranks meet in a folder; what a failing run leaves there is removed with the build.
set(meeting "${CMAKE_CURRENT_BINARY_DIR}/nccl")
file(MAKE_DIRECTORY "${meeting}")
set(environment OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
                OMPI_MCA_hwloc_base_binding_policy=none "CUSIM_NCCL_DIR=${meeting}")
# lockstep_gpu_processes_test(name processes GPUs of each, shared memory (1) or messages (0), mesh)
function(lockstep_gpu_processes_test name processes gpus shared mesh)
  add_test(NAME cuda.${name} COMMAND "${MPIEXEC_EXECUTABLE}" ${MPIEXEC_NUMPROC_FLAG} ${processes} "${simulator}" --devices
                                     ${gpus} --check all -- $<TARGET_FILE:cuda_processes> ${mesh})
  set_tests_properties(cuda.${name} PROPERTIES LABELS cuda TIMEOUT 600 PROCESSORS 2
                       ENVIRONMENT "${environment};LOCKSTEP_SHARED_MEMORY=${shared}")
endfunction()
lockstep_gpu_processes_test(processes_2 2 1 1 mpi_gpu)
lockstep_gpu_processes_test(processes_2_messages 2 1 0 mpi_gpu)
lockstep_gpu_processes_test(processes_2_device_messages 2 1 0 mpi_gpu)  # of an MPI that takes memory of GPUs
set_property(TEST cuda.processes_2_device_messages APPEND PROPERTY ENVIRONMENT DEVICE_MPI=1)
lockstep_gpu_processes_test(processes_2_of_2 2 2 1 mpi_gpu:2)

add_test(NAME cuda.processes_failures
         COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/cuda/processes/failures.sh" "${MPIEXEC_EXECUTABLE}" ${MPIEXEC_NUMPROC_FLAG}
                 "${simulator}" $<TARGET_FILE:cuda_processes>)
set_tests_properties(cuda.processes_failures PROPERTIES LABELS cuda TIMEOUT 600 PROCESSORS 2 ENVIRONMENT "${environment}")
