foreach(name der cms stamp certificate)
  podatelna_fuzz_target(fuzz_audit_${name} SOURCES fuzz_audit_${name}.c LIBS podatelna_audit_core)
endforeach()
