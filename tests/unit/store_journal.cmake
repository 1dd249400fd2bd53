# The journal: tree, parts, life, recovery, faults (design 4).
foreach(name journal_tree_test journal_parts_test journal_proof_test journal_life_test journal_recover_test journal_fault_test journal_index_test
             journal_commit_test evidence_renewal_test)
  podatelna_unit_test(${name} SOURCES ${name}.c journal_help.c LIBS podatelna_store_core)
endforeach()
target_sources(journal_fault_test PRIVATE seal_help.c)
