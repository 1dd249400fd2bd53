# podatelna-token: parsers alone, and the real process against SoftHSM (needs softhsm2, and opensc for pkcs11-tool).
podatelna_unit_test(token_uri_test SOURCES token_uri_test.c LIBS podatelna_token_core)
podatelna_unit_test(token_padding_test SOURCES token_padding_test.c LIBS podatelna_token_core)
podatelna_unit_test(token_parts_test SOURCES token_parts_test.c LIBS podatelna_token_core)

find_file(PODATELNA_SOFTHSM libsofthsm2.so PATHS /usr/lib/softhsm /usr/lib/x86_64-linux-gnu/softhsm /usr/lib/aarch64-linux-gnu/softhsm NO_DEFAULT_PATH)
if(PODATELNA_SOFTHSM)
  # A module that misbehaves; end-to-end tests use it too. Without sanitizers: it is loaded into programs built either way.
  add_library(podatelna_evil_module MODULE ${CMAKE_CURRENT_LIST_DIR}/../lib/evil_module/evil.c)
  target_include_directories(podatelna_evil_module SYSTEM PRIVATE ${PODATELNA_PKCS11_INCLUDE})
  target_compile_definitions(podatelna_evil_module PRIVATE _GNU_SOURCE EVIL_DEFAULT_REAL="${PODATELNA_SOFTHSM}")
  target_compile_options(podatelna_evil_module PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Werror)
  target_link_libraries(podatelna_evil_module PRIVATE ${CMAKE_DL_LIBS})
  set_target_properties(podatelna_evil_module PROPERTIES PREFIX "" OUTPUT_NAME evil-pkcs11 LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)

  # A token that lacks mechanisms, raw RSA first of all, and writes down what it is asked for.
  add_library(podatelna_filter_module MODULE ${CMAKE_CURRENT_LIST_DIR}/../lib/filter_module/filter.c)
  target_include_directories(podatelna_filter_module SYSTEM PRIVATE ${PODATELNA_PKCS11_INCLUDE})
  target_compile_definitions(podatelna_filter_module PRIVATE _GNU_SOURCE FILTER_DEFAULT_REAL="${PODATELNA_SOFTHSM}")
  target_compile_options(podatelna_filter_module PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Werror)
  target_link_libraries(podatelna_filter_module PRIVATE ${CMAKE_DL_LIBS})
  set_target_properties(podatelna_filter_module PROPERTIES PREFIX "" OUTPUT_NAME filter-pkcs11 LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)

  foreach(name token_sign_test token_evil_test token_pin_test token_key_test token_seal_test token_tls_test
      token_matrix_test token_decrypt_test)
    podatelna_unit_test(${name} SOURCES ${name}.c token_bench.c token_bench_ask.c LIBS podatelna_token_core)
    target_compile_definitions(${name} PRIVATE TOKEN_PROGRAM="$<TARGET_FILE:podatelna-token>" SOFTHSM_MODULE="${PODATELNA_SOFTHSM}"
      EVIL_MODULE="$<TARGET_FILE:podatelna_evil_module>" FILTER_MODULE="$<TARGET_FILE:podatelna_filter_module>")
    add_dependencies(${name} podatelna-token podatelna_evil_module podatelna_filter_module)
  endforeach()
endif()
