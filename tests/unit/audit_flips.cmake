# Every single-bit flip of a sealed segment, and every length that a segment may be cut down to (--long: all, else a sample). The journals are written by
# tests/lib/logmaker.py.
find_program(PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
foreach(what flips cuts)
  add_executable(audit_${what} audit_${what}.c)
  target_link_libraries(audit_${what} PRIVATE podatelna_audit_core podatelna_options)
  set_target_properties(audit_${what} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
  add_test(NAME audit_${what} COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/audit_flips.py ${what} $<TARGET_FILE:audit_${what}>)
  set_tests_properties(audit_${what} PROPERTIES TIMEOUT 7200)
endforeach()
