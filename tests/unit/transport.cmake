podatelna_unit_test(transport_parts SOURCES transport_parts.c LIBS podatelna_transport_core)
podatelna_unit_test(transport_table SOURCES transport_table.c LIBS podatelna_transport_core)
podatelna_unit_test(transport_provider SOURCES transport_provider.c LIBS podatelna_transport_core)
foreach(name exchange session)
  podatelna_unit_test(transport_${name} SOURCES transport_${name}.c transport_bench.c LIBS podatelna_wire podatelna_base)
  target_compile_definitions(transport_${name} PRIVATE
    TRANSPORT_PROGRAM="$<TARGET_FILE:podatelna-transport>" RUDE_SERVER="${CMAKE_SOURCE_DIR}/tests/portals/rude_server.py")
  add_dependencies(transport_${name} podatelna-transport)
endforeach()

# The test is the store, and has the key.
podatelna_unit_test(transport_client SOURCES transport_client.c transport_bench.c LIBS podatelna_wire podatelna_base PkgConfig::CRYPTO)
target_compile_definitions(transport_client PRIVATE
  TRANSPORT_PROGRAM="$<TARGET_FILE:podatelna-transport>" RUDE_SERVER="${CMAKE_SOURCE_DIR}/tests/portals/rude_server.py")
add_dependencies(transport_client podatelna-transport)

# Both ends of an errand: the hub's and the real network program.
podatelna_unit_test(transport_errand SOURCES transport_errand.c transport_bench.c LIBS podatelna_hub_core)
target_compile_definitions(transport_errand PRIVATE
  TRANSPORT_PROGRAM="$<TARGET_FILE:podatelna-transport>" RUDE_SERVER="${CMAKE_SOURCE_DIR}/tests/portals/rude_server.py")
add_dependencies(transport_errand podatelna-transport)
