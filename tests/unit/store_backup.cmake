# Backup and restore: every size, every way to spoil a backup, every failing operation.
podatelna_unit_test(backup_test SOURCES backup_test.c journal_help.c LIBS podatelna_store_core)
