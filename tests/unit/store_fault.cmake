# Every file operation of podatelna-store fails once while a filing goes all the way through it: the real main.c with another table of operations.
add_executable(store_faulty ${CMAKE_SOURCE_DIR}/store/main.c store_fault_ops.c store_fault_calls.c)
target_link_libraries(store_faulty PRIVATE podatelna_store_core podatelna_options)
# What the store asks of libc and libcrypto goes through store_fault_calls.c; a failing call is told by the place that it comes from.
foreach(call malloc calloc realloc reallocarray strdup strndup mmap memfd_create getrandom pipe2 socketpair dup epoll_create1
    RAND_priv_bytes i2d_CMS_ContentInfo BIO_read BIO_new_mem_buf PEM_read_bio_X509 X509_digest CRYPTO_strdup CRYPTO_memdup HMAC EVP_MD_fetch EVP_MD_CTX_new
    EVP_MAC_fetch EVP_MAC_CTX_new EVP_MAC_init EVP_MAC_update EVP_MAC_final EVP_DigestInit_ex2 EVP_DigestUpdate EVP_DigestFinal_ex
    CMS_AuthEnvelopedData_create CMS_set_detached CMS_final CMS_decrypt_set1_key CMS_dataInit CMS_add1_recipient_cert CMS_add0_recipient_key)
  target_link_options(store_faulty PRIVATE -Wl,--wrap=${call})
endforeach()
set_source_files_properties(${CMAKE_SOURCE_DIR}/store/main.c PROPERTIES COMPILE_DEFINITIONS fileops_posix=store_test_ops)
set_target_properties(store_faulty PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
podatelna_unit_test(store_fault_test SOURCES store_fault_test.c store_fault_steps.c store_fault_life.c seal_help.c vault_bench.c LIBS podatelna_store_core)
target_compile_definitions(store_fault_test PRIVATE STORE_FAULTY="$<TARGET_FILE:store_faulty>")
add_dependencies(store_fault_test store_faulty)
set_tests_properties(store_fault_test PROPERTIES TIMEOUT 600)
# The same while a case is erased, and while its content goes to an archive and back.
podatelna_unit_test(erase_fault_test SOURCES erase_fault_test.c store_fault_steps.c store_fault_life.c seal_help.c vault_bench.c LIBS podatelna_store_core)
target_compile_definitions(erase_fault_test PRIVATE STORE_FAULTY="$<TARGET_FILE:store_faulty>")
add_dependencies(erase_fault_test store_faulty)
set_tests_properties(erase_fault_test PROPERTIES TIMEOUT 600)

# The same life recorded, and every state that a power cut may leave of it (crash_disk.h).
add_executable(store_recorded ${CMAKE_SOURCE_DIR}/store/main.c store_record_ops.c store_record_calls.c crash_trace.c)
target_link_libraries(store_recorded PRIVATE podatelna_store_core podatelna_options)
target_link_options(store_recorded PRIVATE -Wl,--wrap=close_range -Wl,--wrap=fopen -Wl,--wrap=journal_open)
set_target_properties(store_recorded PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
set(crash_sources store_crash_states.c store_crash_check.c store_record_ops.c crash_disk.c crash_trace.c)
podatelna_unit_test(store_crash_test SOURCES store_crash_test.c ${crash_sources} store_fault_steps.c store_fault_life.c seal_help.c vault_bench.c LIBS podatelna_store_core)
podatelna_unit_test(journal_crash_test SOURCES journal_crash_test.c ${crash_sources} LIBS podatelna_store_core)
target_compile_definitions(store_crash_test PRIVATE STORE_FAULTY="$<TARGET_FILE:store_recorded>" AUDIT_PROGRAM="$<TARGET_FILE:podatelna-audit>")
target_compile_definitions(journal_crash_test PRIVATE AUDIT_PROGRAM="$<TARGET_FILE:podatelna-audit>")
add_dependencies(store_crash_test store_recorded podatelna-audit)
add_dependencies(journal_crash_test podatelna-audit)
set_tests_properties(store_crash_test journal_crash_test PROPERTIES TIMEOUT 600)
# The same for what comes after a case's end.
podatelna_unit_test(erase_crash_test SOURCES erase_crash_test.c erase_crash_check.c ${crash_sources} store_fault_steps.c store_fault_life.c seal_help.c vault_bench.c LIBS podatelna_store_core)
target_compile_definitions(erase_crash_test PRIVATE STORE_FAULTY="$<TARGET_FILE:store_recorded>" AUDIT_PROGRAM="$<TARGET_FILE:podatelna-audit>")
add_dependencies(erase_crash_test store_recorded podatelna-audit)
set_tests_properties(erase_crash_test PROPERTIES TIMEOUT 1200)
