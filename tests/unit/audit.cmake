# What podatelna-audit knows of framing, tree and table.
foreach(name frame tree rules)
  podatelna_unit_test(audit_${name}_test SOURCES audit_${name}_test.c LIBS podatelna_audit_core)
endforeach()
