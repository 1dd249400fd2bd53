# What podatelna-audit knows of DER, CMS, certificates and stamps; libcrypto is the other side.
podatelna_unit_test(audit_der SOURCES audit_der.c LIBS podatelna_audit_core)
podatelna_unit_test(audit_export SOURCES audit_export.c LIBS podatelna_audit_core)
foreach(name cms path signatures stamp)
  podatelna_unit_test(audit_${name} SOURCES audit_${name}.c audit_pki.c LIBS podatelna_audit_core PkgConfig::CRYPTO)
endforeach()
podatelna_unit_test(audit_anchors SOURCES audit_anchors.c audit_journal.c audit_pki.c LIBS podatelna_audit_core PkgConfig::CRYPTO)
podatelna_unit_test(audit_renewal SOURCES audit_renewal.c audit_journal.c audit_pki.c LIBS podatelna_audit_core PkgConfig::CRYPTO)
