# Every single-bit flip of a sealed segment (--long: all, else a sample). The segment is written by tests/lib/logmaker.py.
find_program(PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
add_executable(audit_flips audit_flips.c)
target_link_libraries(audit_flips PRIVATE podatelna_audit_core podatelna_options)
set_target_properties(audit_flips PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
add_test(NAME audit_flips COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/audit_flips.py $<TARGET_FILE:audit_flips>)
set_tests_properties(audit_flips PROPERTIES TIMEOUT 7200)
