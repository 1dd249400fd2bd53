podatelna_fuzz_target(fuzz_wire SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_wire.c LIBS podatelna_wire)
podatelna_fuzz_target(fuzz_lines SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_lines.c LIBS podatelna_base)
