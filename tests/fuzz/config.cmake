podatelna_fuzz_target(fuzz_config SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_config.c LIBS podatelna_config)
podatelna_fuzz_target(fuzz_catalogue SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_catalogue.c LIBS podatelna_config)
