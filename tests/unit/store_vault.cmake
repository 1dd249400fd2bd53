# The vault alone, and podatelna-store with parent, hub, token and sessions played by the test. The openssl command reads along.
podatelna_unit_test(vault_store_test SOURCES vault_store_test.c vault_bench.c LIBS podatelna_store_core)
podatelna_unit_test(vault_names_test SOURCES vault_names_test.c vault_bench.c LIBS podatelna_store_core)
podatelna_unit_test(vault_server_test SOURCES vault_server_test.c vault_play.c vault_bench.c LIBS podatelna_store_core)
target_compile_definitions(vault_server_test PRIVATE STORE_PROGRAM="$<TARGET_FILE:podatelna-store>")
add_dependencies(vault_server_test podatelna-store)
