# Every file operation of podatelna-store fails once while a filing goes all the way through it: the real main.c with another table of operations.
add_executable(store_faulty ${CMAKE_SOURCE_DIR}/store/main.c store_fault_ops.c)
target_link_libraries(store_faulty PRIVATE podatelna_store_core podatelna_options)
set_source_files_properties(${CMAKE_SOURCE_DIR}/store/main.c PROPERTIES COMPILE_DEFINITIONS fileops_posix=store_fault_ops)
set_target_properties(store_faulty PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
podatelna_unit_test(store_fault_test SOURCES store_fault_test.c store_fault_life.c vault_bench.c LIBS podatelna_store_core)
target_compile_definitions(store_fault_test PRIVATE STORE_FAULTY="$<TARGET_FILE:store_faulty>")
add_dependencies(store_fault_test store_faulty)
set_tests_properties(store_fault_test PROPERTIES TIMEOUT 600)
