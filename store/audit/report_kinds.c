#include "report_kinds.h"

#include "words.h"

#define COMPARE N_("Compare with another copy of the journal (a backup, a stick, the archive). Records before the one named are not touched by this.")
#define SHARE                                                                                                                                                  \
	N_("Compare with the checkpoints on the auditors' share and with the note you kept from an earlier check: they show which history is the older one.")
#define ASK N_("Ask the firm for the reason and have it given in writing; look at the records around the index in the journal, they are plain text.")
#define TRUST N_("Get the certificate or the list from its issuer, not from the firm, and check again with --trust.")
#define STAMP_AGAIN N_("Have the box stamp a checkpoint now: one stamp covers everything before it.")
#define CONTENT N_("Look for the file of that name in a backup or in the archive (--archive); its name is its SHA-256, so the right one cannot be mistaken.")
#define NOTHING ""

const struct report_kind report_kinds[AUDIT_KIND_COUNT] = {
	[AUDIT_FRAME] = { N_("The bytes at this place are not a record as it was written: something was changed, inserted or lost."), COMPARE },
	[AUDIT_LEAF_HASH] = { N_("The record and the hash written behind it do not belong together: one of the two was changed."), COMPARE },
	[AUDIT_ORDER] = { N_("Records do not stand in the order in which they were written: one was removed, inserted or moved."), COMPARE },
	[AUDIT_TRUNCATED] = { N_("Something that remains, a head, a checkpoint or the next file, counts records that are no longer there."), SHARE },
	[AUDIT_TAIL] = { N_("The last record was not finished, as after a power cut. Nobody was told that it was written, so nothing is lost."), NOTHING },
	[AUDIT_SEGMENT] = { N_("A file of the journal is missing, there twice or out of place, or its own summary does not fit."), COMPARE },
	[AUDIT_HEAD] = { N_("The file that says how far the journal goes disagrees with the records."), COMPARE },
	[AUDIT_ROOT] = { N_("The records are right one by one, but together they are not those that a checkpoint was made of: history was written anew "
	                    "somewhere before it."),
	                 SHARE },
	[AUDIT_ORIGIN] = { N_("A file bears the name of another journal: it was brought from elsewhere."), ASK },
	[AUDIT_NOTE] = { N_("A file among the checkpoints is none of this format, or contradicts its name or the record about it."), SHARE },
	[AUDIT_FORK] = { N_("The note you kept and this journal have different histories: at least one record below your note's size was replaced."), SHARE },
	[AUDIT_ROLLED_BACK] = { N_("This journal is older than the note you kept: records that existed then are missing now."), SHARE },
	[AUDIT_NOTE_SIGNATURE] = { N_("The signature line of a checkpoint does not fit its text or its key."), SHARE },
	[AUDIT_CMS] = { N_("The electronic signature of a checkpoint is malformed or belongs to other bytes: the checkpoint is not what the key signed."),
	                SHARE },
	[AUDIT_UNSIGNED] = { N_("No signed checkpoint covers these records yet. They are chained, but nobody's key stands for them."),
	                     N_("Have the box sign a checkpoint (the token must be unlocked) and check again.") },
	[AUDIT_CERTIFICATE] = { N_("No path leads from a signer's certificate to a certificate you trust, or it was made for another use."), TRUST },
	[AUDIT_EXPIRED] = { N_("A certificate was not valid at the time that counts, which is the time of the stamp over the signature."), ASK },
	[AUDIT_REVOKED] = { N_("A certificate had been revoked by the time that counts: whoever held the key may not have been its owner."), ASK },
	[AUDIT_REVOCATION] = { N_("No list of revoked certificates for that time is at hand, so nobody can say whether the certificate was revoked."), TRUST },
	[AUDIT_STAMP] = { N_("A time stamp is malformed, stands over other bytes, or is not the one its record tells of: it proves nothing."), SHARE },
	[AUDIT_STAMP_AGE] = { N_("The certificate of the time-stamp authority has ended and no later stamp renews this one."), STAMP_AGAIN },
	[AUDIT_LATE] = { N_("More time than the limit went by between these records and the first stamp over them: for that time only the box vouches."), ASK },
	[AUDIT_UNSTAMPED] = { N_("No time stamp covers these records yet: their times are the box's own word."), STAMP_AGAIN },
	[AUDIT_TABLE] = { N_("A record does not have the fields, or does not stand in the order, that the record table demands."), ASK },
	[AUDIT_CHAIN] = { N_("A record does not name the one before it in its case: a record of this case was removed, inserted or replaced."), COMPARE },
	[AUDIT_DUTY] = { N_("Something was done without what must precede it: signed without an intent, sent without a request or a signature, closed twice, "
	                    "done without the evidence that the partner owes, or erased too early by one person alone."),
	                 ASK },
	[AUDIT_OBJECT_MISSING] = { N_("A file with content that a record names is not there, and no record erased it."), CONTENT },
	[AUDIT_OBJECT_CHANGED] = { N_("A file with content is not what its name says: it was changed."), CONTENT },
	[AUDIT_OBJECT_SWAPPED] = { N_("Content of another case or with its parts in another order stands where this record's content should be."), ASK },
	[AUDIT_KEY] = { N_("The key of a case is missing or is that of another case: the content cannot be opened by anybody."),
	                N_("Look for the file in a backup that was made with keys.") },
	[AUDIT_ERASED] = { N_("Content and key were erased as a record says, with its legal basis. The records stay and prove that the case existed."),
	                   NOTHING },
	[AUDIT_NOT_ERASED] = { N_("A record says that the content was erased, but a key or content is still there."),
	                       N_("Have the firm erase it also in this copy; the obligation towards the person is not fulfilled.") },
	[AUDIT_ARCHIVED] = { N_("The content was moved to an archive, as a record says; the archive was not given to this check."),
	                     N_("Check again with --archive, if the content matters.") },
	[AUDIT_CLOCK] = { N_("Times of records run backwards, or a stamp is older than what it covers: the clock of the box was set."), NOTHING },
	[AUDIT_STRAY] = { N_("Files belong to nothing that the journal knows of. They prove nothing and disprove nothing."), NOTHING },
	[AUDIT_UNREADABLE] = { N_("The system did not hand out a file: a fault of the medium, or rights."),
	                       N_("Copy the journal to a sound medium, or check as a user who may read it, and check again.") },
};
