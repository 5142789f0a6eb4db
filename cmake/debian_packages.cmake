# Debian packages by feature, as debian-packages.txt lists them: which are missing, and installing those.
# Included by the project; on its own: cmake -D FEATURES="library;tests" -P cmake/debian_packages.cmake installs.

cmake_policy(VERSION 3.25)
set(LOCKSTEP_DEBIAN_PACKAGES_FILE "${CMAKE_CURRENT_LIST_DIR}/debian-packages.txt")

# Sets `result` to the packages that the features need.
function(lockstep_debian_packages result)
  file(STRINGS "${LOCKSTEP_DEBIAN_PACKAGES_FILE}" rows REGEX "^[a-z]")
  set(packages "")
  foreach(row IN LISTS rows)
    string(REGEX MATCH "^([^ ]+) +([^ ]+)" matched "${row}")
    if(CMAKE_MATCH_2 IN_LIST ARGN)
      list(APPEND packages "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES packages)
  set(${result} "${packages}" PARENT_SCOPE)
endfunction()

# Sets `result` to "On Debian: apt-get install -y ..." for the features: the last line of a message about what is missing.
function(lockstep_debian_hint result)
  lockstep_debian_packages(packages ${ARGN})
  list(JOIN packages " " packages)
  set(${result} "On Debian: apt-get install -y ${packages}" PARENT_SCOPE)
endfunction()

# Sets `result` to those of the packages that are not installed. Asks dpkg alone: no network.
function(lockstep_missing_debian_packages result)
  set(missing "")
  foreach(package IN LISTS ARGN)
    execute_process(COMMAND dpkg-query -W -f "\${Status}" ${package} OUTPUT_VARIABLE status ERROR_QUIET)
    if(NOT status STREQUAL "install ok installed")
      list(APPEND missing "${package}")
    endif()
  endforeach()
  set(${result} "${missing}" PARENT_SCOPE)
endfunction()

# Runs one apt-get command; stops with `advice` when it fails.
function(lockstep_apt_get advice)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env DEBIAN_FRONTEND=noninteractive
                          apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 ${ARGN}
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "apt-get ${ARGN} failed:\n${output}\n${advice}")
  endif()
endfunction()

# Installs what the features need and this machine lacks; stops with the exact command where that is not possible.
function(lockstep_install_debian_packages)
  find_program(LOCKSTEP_DPKG_QUERY dpkg-query)
  if(NOT LOCKSTEP_DPKG_QUERY)
    message(STATUS "lockstep: this is no Debian system, so no packages are installed")
    return()
  endif()
  lockstep_debian_packages(packages ${ARGN})
  lockstep_missing_debian_packages(missing ${packages})
  if(NOT missing)
    return()
  endif()
  list(JOIN missing " " names)
  set(advice "lockstep needs these Debian packages, which are not installed: ${names}\n"
             "Install them as root, then run the same command again:\n"
             "    apt-get update && apt-get install -y --no-install-recommends ${names}")
  string(CONCAT advice ${advice})
  find_program(LOCKSTEP_APT_GET apt-get)
  execute_process(COMMAND id -u OUTPUT_VARIABLE user OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT LOCKSTEP_APT_GET)
    message(FATAL_ERROR "${advice}\n(There is no apt-get here.)")
  elseif(NOT user EQUAL 0)
    message(FATAL_ERROR "${advice}\n(Only root can install packages; this is user ${user}.)")
  endif()
  message(STATUS "lockstep: installing ${names}")
  lockstep_apt_get("${advice}" update)
  lockstep_apt_get("${advice}" install -y --no-install-recommends ${missing})
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  lockstep_install_debian_packages(${FEATURES})
endif()
