# The vault alone, and podatelna-store with parent, hub, token and sessions played by the test. The openssl command reads along.
podatelna_unit_test(vault_store_test SOURCES vault_store_test.c vault_bench.c LIBS podatelna_store_core)
podatelna_unit_test(vault_names_test SOURCES vault_names_test.c vault_bench.c LIBS podatelna_store_core)
foreach(name server_keep_test vault_server_test vault_recover_test vault_decrypt_test anchor_server_test tls_server_test
             batch_server_test)
  podatelna_unit_test(${name} SOURCES ${name}.c vault_play.c vault_bench.c seal_help.c LIBS podatelna_store_core)
  target_compile_definitions(${name} PRIVATE STORE_PROGRAM="$<TARGET_FILE:podatelna-store>")
  add_dependencies(${name} podatelna-store)
endforeach()
# Checkpoints: notes, signatures, stamps; and the store with a token that signs them.
podatelna_unit_test(anchor_test SOURCES anchor_test.c seal_help.c vault_bench.c LIBS podatelna_store_core)
# Erasure and archive: rules, and what is forgotten.
podatelna_unit_test(erase_rules_test SOURCES erase_rules_test.c journal_help.c vault_bench.c LIBS podatelna_store_core)
