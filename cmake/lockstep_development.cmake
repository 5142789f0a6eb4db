# What tests, benchmarks and examples of lockstep itself are built with. Users of the targets get none of this.

# Gives a target the project's warnings, architecture and sanitizer flags.
function(lockstep_development_target target)
  set(cxx "$<COMPILE_LANGUAGE:CXX>")
  target_link_libraries(${target} PRIVATE lockstep::lockstep)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE "$<${cxx}:-Wall;-Wextra;-Wpedantic>")
  # GCC 12 sees overlapping copies in the standard library's "text" + std::string, where there are none (GCC bug 105651).
  set(gcc_12 "$<AND:${cxx},$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>")
  target_compile_options(${target} PRIVATE "$<${gcc_12}:-Wno-restrict>")
  if(LOCKSTEP_WERROR)
    target_compile_options(${target} PRIVATE "$<${cxx}:-Werror>")
  endif()
  if(LOCKSTEP_NATIVE)
    target_compile_options(${target} PRIVATE "$<${cxx}:-march=native>")
  endif()
  if(LOCKSTEP_SANITIZE)
    set(flags -fsanitize=${LOCKSTEP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(${target} PRIVATE "$<${cxx}:${flags}>")
    target_link_options(${target} PRIVATE ${flags})
  endif()
endfunction()

# Finds a package that only a feature of debian-packages.txt needs; stops with what to install where it is missing.
macro(lockstep_find_for_feature feature package)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    lockstep_debian_hint(hint ${feature})
    message(FATAL_ERROR "The ${feature} of lockstep need ${package}, which is not found.\n${hint}")
  endif()
endmacro()

# Tells the sanitizer of a test's program what it cannot see.
function(lockstep_sanitized_test test)
  if(LOCKSTEP_SANITIZE)
    set_tests_properties(${test} PROPERTIES ENVIRONMENT
                         "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp halt_on_error=1")
  endif()
endfunction()
