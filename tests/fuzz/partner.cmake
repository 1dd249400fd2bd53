foreach(name recognise render query cssz_form cssz_jmhz cssz_reply cssz_returned cssz_seal cssz_soap epo_reply cms_verify inflate stamp_embed stamp_reply zip)
  podatelna_fuzz_target(fuzz_${name} SOURCES fuzz_${name}.c LIBS podatelna_partner_core)
endforeach()
podatelna_fuzz_target(fuzz_certificates SOURCES fuzz_certificates.c LIBS podatelna_partner_core)
