# Tests under mpirun, where MPI is found: every collective on 1 to 4 processes, in shared memory and by messages alone, and
# failures. Oversubscribed, as root if need be.

find_package(MPI QUIET COMPONENTS CXX)
if(NOT MPI_CXX_FOUND OR NOT MPIEXEC_EXECUTABLE)
  add_test(NAME mesh.mpi COMMAND "${CMAKE_COMMAND}" -E echo "not run: no MPI is found (Debian: libopenmpi-dev openmpi-bin)")
  set_tests_properties(mesh.mpi PROPERTIES LABELS mesh SKIP_REGULAR_EXPRESSION "not run: ")
  return()
endif()

add_executable(mesh_mpi_program mesh/mpi_program.cpp)
lockstep_development_target(mesh_mpi_program)
target_include_directories(mesh_mpi_program PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(mesh_mpi_program PRIVATE lockstep_mpi)

set(environment OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
                OMPI_MCA_hwloc_base_binding_policy=none)
# lockstep_mpi_test(name processes shared memory (1) or messages (0) arguments...)
function(lockstep_mpi_test name processes shared)
  add_test(NAME mesh.${name} COMMAND "${MPIEXEC_EXECUTABLE}" ${MPIEXEC_NUMPROC_FLAG} ${processes}
                                     $<TARGET_FILE:mesh_mpi_program> ${ARGN})
  set_tests_properties(mesh.${name} PROPERTIES LABELS mesh TIMEOUT 300 PROCESSORS 2
                       ENVIRONMENT "${environment};LOCKSTEP_SHARED_MEMORY=${shared}")
endfunction()
foreach(processes 1 2 3 4)
  lockstep_mpi_test(mpi_${processes} ${processes} 1 mpi)
  lockstep_mpi_test(mpi_${processes}_messages ${processes} 0 mpi)
endforeach()
lockstep_mpi_test(mpi_2_of_3 2 1 mpi:3)
lockstep_mpi_test(mpi_2_of_3_messages 2 0 mpi:3)
# Taken as on several machines, each with one, two or three ranks: collectives in two levels.
foreach(case "2;2;mpi:3" "4;2;mpi" "4;4;mpi")
  list(GET case 0 processes)
  list(GET case 1 machines)
  list(GET case 2 mesh)
  string(REPLACE ":" "_of_" suffix "${mesh}")
  lockstep_mpi_test(${suffix}_${processes}_on_${machines}_machines ${processes} 1 ${mesh})
  set_property(TEST mesh.${suffix}_${processes}_on_${machines}_machines APPEND PROPERTY ENVIRONMENT
                                                                                       LOCKSTEP_MACHINES=${machines})
endforeach()
if(LOCKSTEP_LONG_TESTS)
  lockstep_mpi_test(mpi_2_large_long 2 0 mpi large)
  set(long_tests mesh.mpi_2_large_long)
  foreach(processes 1 2 3)  # more take minutes each
    foreach(shared 0 1)
      lockstep_mpi_test(mpi_${processes}_types_${shared}_long ${processes} ${shared} mpi types)
      list(APPEND long_tests mesh.mpi_${processes}_types_${shared}_long)
    endforeach()
  endforeach()
  set_tests_properties(${long_tests} PROPERTIES LABELS "mesh;long" TIMEOUT 1800)
endif()

add_test(NAME mesh.mpi_failures COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/mesh/mpi_failures.sh" "${MPIEXEC_EXECUTABLE}"
                                        ${MPIEXEC_NUMPROC_FLAG} $<TARGET_FILE:mesh_mpi_program>)
set_tests_properties(mesh.mpi_failures PROPERTIES LABELS mesh TIMEOUT 300 PROCESSORS 2 ENVIRONMENT "${environment}")
