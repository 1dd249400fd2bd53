/* The texts of an export: the list of its files, obsah.txt, proofs, and OVERENI.txt. The commands in OVERENI.txt are meant literally: a test runs them. */
#include "vault_crypto.h"

#include "evidence.h"

#include <inttypes.h>
#include <string.h>

#include "anchor_note.h"
#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "tree.h"

#define BASE64_SIZE 45 /* of a hash, and a zero byte */

static int ended(FILE *to)
{
	return ferror(to) == 0 ? 0 : ERR_MEMORY;
}

/* --- the list --- */

static void list_note(const struct evidence_note *note, FILE *to)
{
	(void)fprintf(to, "note %" PRIu64 "\tkontrolni-bod-%" PRIu64 ".note\n", note->size, note->size);
	if (note->is_signed) {
		(void)fprintf(to, "seal %" PRIu64 "\tkontrolni-bod-%" PRIu64 ".p7s\n", note->size, note->size);
	}
	for (size_t i = 1; i <= note->stamps; i++) {
		struct journal_anchor_name name = { .kind = JOURNAL_ANCHOR_STAMP, .size = note->size, .number = i };
		char file[JOURNAL_ANCHOR_NAME_SIZE];

		journal_anchor_format_name(&name, file);
		(void)fprintf(to, "stamp %" PRIu64 " %zu\tkontrolni-bod-%s\n", note->size, i, file);
	}
}

static bool is_chosen(const struct evidence *evidence, uint64_t size)
{
	for (size_t i = 0; i < evidence->note_count; i++) {
		if (evidence->notes[i].size == size) {
			return true;
		}
	}
	return false;
}

static void list_renewals(const struct evidence *evidence, FILE *to)
{
	for (size_t i = 0; i < evidence->renewal_count; i++) {
		const struct evidence_renewal *renewal = &evidence->renewals[i];

		(void)fprintf(to, "renewal %" PRIu64 "\tobnova-%012" PRIu64 ".leaf\n", renewal->index, renewal->index);
		(void)fprintf(to, "renewal-proof %" PRIu64 " %" PRIu64 "\tobnova-%012" PRIu64 ".tlog-proof\n", renewal->index, renewal->by.size,
		              renewal->index);
		if (!is_chosen(evidence, renewal->by.size)) {
			list_note(&renewal->by, to);
		}
	}
}

static size_t count_absent(const struct evidence *evidence)
{
	size_t count = 0;

	for (size_t i = 0; i < evidence->object_count; i++) {
		count += evidence->objects[i].absent ? 1 : 0;
	}
	return count;
}

static void list_lacks(const struct evidence *evidence, FILE *to)
{
	if (evidence->erased != 0) {
		(void)fprintf(to, "!erased %" PRIu64 "\n", evidence->erased);
	} else if (count_absent(evidence) > 0) {
		(void)fprintf(to, "!%s %" PRIu64 "\n", evidence->archived != 0 ? "archived" : "absent", evidence->archived);
	}
	if (!evidence->notes[0].is_signed) {
		(void)fprintf(to, "!unsigned\n");
	}
	if (evidence->notes[0].stamps == 0) {
		(void)fprintf(to, "!unstamped\n");
	}
	if (evidence->trust_truncated) {
		(void)fprintf(to, "!truncated\n");
	}
}

int evidence_write_list(const struct evidence *evidence, FILE *to)
{
	list_lacks(evidence, to);
	(void)fprintf(to, "words %" PRIu64, evidence->until);
	for (size_t i = 0; i < evidence->note_count; i++) {
		(void)fprintf(to, " %" PRIu64, evidence->notes[i].size);
	}
	(void)fprintf(to, "\tOVERENI.txt\nformat\tFORMAT.txt\ncontents %" PRIu64 "\tobsah.txt\n", evidence->until);
	for (size_t i = 0; i < evidence->object_count; i++) {
		const struct evidence_object *object = &evidence->objects[i];

		if (!object->absent) {
			(void)fprintf(to, "object %" PRIu64 " %s\t%s\n", object->index, object->role, object->file);
		}
	}
	for (size_t i = 0; i < evidence->record_count; i++) {
		uint64_t index = evidence->records[i].index, size = evidence_note_for(evidence, index);

		(void)fprintf(to, "leaf %" PRIu64 "\tzaznam-%012" PRIu64 ".leaf\n", index, index);
		if (size != 0) {
			(void)fprintf(to, "proof %" PRIu64 " %" PRIu64 "\tzaznam-%012" PRIu64 ".tlog-proof\n", index, size, index);
		}
	}
	for (size_t i = 0; i < evidence->note_count; i++) {
		list_note(&evidence->notes[i], to);
	}
	list_renewals(evidence, to);
	for (size_t i = 0; i < evidence->trust_count; i++) {
		(void)fprintf(to, "trust %s\t%s\n", evidence->trust[i], evidence->trust[i]);
	}
	return ended(to);
}

int evidence_write_contents(const struct evidence *evidence, FILE *to)
{
	char salt[2 * KEYS_SECRET_BYTES + 1];

	for (size_t i = 0; i < evidence->object_count; i++) {
		const struct evidence_object *object = &evidence->objects[i];

		if (!object->absent && object->salted) {
			hex_encode(object->salt, sizeof object->salt, salt);
			(void)fprintf(to, "%s %012" PRIu64 " %s %s\n", object->file, object->index, object->role, salt);
		}
	}
	OPENSSL_cleanse(salt, sizeof salt);
	return ended(to);
}

/* --- proofs --- */

static int check_proof(struct journal *journal, uint64_t index, const struct anchor_note *note, const struct journal_proof *proof)
{
	uint8_t hash[JOURNAL_HASH_BYTES], root[JOURNAL_HASH_BYTES];
	int err = journal_read_hash(journal, index, hash);

	err = err == 0 ? tree_proof_root(index, note->size, hash, proof->hashes, proof->count, root) : err;
	return err != 0 ? err : memcmp(root, note->root, sizeof root) == 0 ? 0 : ERR_DAMAGE;
}

int evidence_write_proof(struct journal *journal, uint64_t index, uint64_t size, FILE *to)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct anchor_note note;
	struct journal_proof proof;
	int err = journal_anchor_note(journal, size, &bytes, &note);

	err = err == 0 ? journal_proof(journal, index, size, &proof) : err;
	err = err == 0 ? check_proof(journal, index, &note, &proof) : err;
	if (err != 0) {
		return err;
	}
	(void)fprintf(to, "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", index);
	for (size_t i = 0; i < proof.count; i++) {
		unsigned char text[BASE64_SIZE];

		(void)EVP_EncodeBlock(text, proof.hashes[i], JOURNAL_HASH_BYTES);
		(void)fprintf(to, "%s\n", (const char *)text);
	}
	(void)fputc('\n', to);
	(void)fwrite(note.text.data, 1, note.file_length, to);
	return ended(to);
}

/* --- OVERENI.txt --- */

static const char czech[] =
    "Tato složka je důkaz o jednom případu přístroje Podatelna: co firma podepsala a odeslala, co jí druhá strana odpověděla a kdy. Ověří ji kdokoli, kdo nemá "
    "ani\n"
    "přístroj, ani jeho programy: stačí sh, openssl 3, sha256sum, base64, xxd, sed a cut (v Debianu balíčky openssl, coreutils, xxd). Totéž udělá najednou "
    "program\n"
    "  podatelna-audit evidence SLOŽKA --trust duvera.pem\n"
    "\n"
    "Složka obsahuje osobní údaje a odpovědi mohou nést heslo k dotazu na stav podání: zacházejte s ní jako s podáním samým. Sůl v obsah.txt nic nedešifruje; "
    "kdo ji má,\n"
    "může však ověřit, zda uhodl obsah.\n"
    "\n"
    "Co je co\n"
    "  original, jmeno.txt               soubor, jak byl předán; jeho jméno a čí byl\n"
    "  podano.p7s                        co bylo podepsáno (CMS i s certifikátem)\n"
    "  odeslano                          přesné byty, které odešly; není-li tu, odešlo podano.p7s\n"
    "  odpoved, potvrzeni.p7s            odpověď, jak přišla; potvrzeni.p7s je ta, jejíž podpis byl ověřen\n"
    "  potvrzeni.xml, protokol.txt       obsah potvrzení; co druhá strana řekla, slovy\n"
    "  protistrana.pem                   certifikáty, kterými se druhá strana prokázala v TLS\n"
    "  <index>-<úloha>                   další obsahy (zkušební podání, dotazy na stav) podle prvního záznamu, který je jmenuje\n"
    "  obsah.txt                         ke každému obsahu: soubor, záznam, úloha, sůl jeho závazku\n"
    "  zaznam-<index>.leaf               záznamy případu, bajt po bajtu jako v deníku; čitelné jako text\n"
    "  zaznam-<index>.tlog-proof         důkaz, že záznam je v deníku (C2SP tlog-proof)\n"
    "  kontrolni-bod-<velikost>.note     kontrolní bod deníku; .p7s podpis CMS, .tsr časová razítka (RFC 3161)\n"
    "  obnova-<index>.leaf, .tlog-proof  záznam o razítku, které obnovilo pozdější razítko; důkaz, že leží pod jeho kontrolním bodem\n"
    "  <otisk>.cer, <otisk>.crl          certifikáty a seznamy zneplatněných, které přístroj sebral\n"
    "  FORMAT.txt                        popis deníku\n"
    "  stav.txt                          jak případ dopadl, pro lidi; není důkazem, tím jsou záznamy\n"
    "\n"
    "Postup. Zkopírujte složku (příkazy v ní zakládají pomocné soubory) a dejte do ní duvera.pem: kořenové certifikáty autorit, kterým věříte vy (klíče, který "
    "podepisuje\n"
    "deník, razítkové autority, podepsané osoby, druhé strany), v PEM, získané od nich, ne z této složky. Příkazy jsou níže; každý blok skončí bez chyby.\n"
    "  (1) Každý záznam je v deníku: z otisku listu a otisků důkazu vyjde kořen kontrolního bodu. Záznamy případu na sebe navazují (prev).\n"
    "  (2) Každý obsah je ten, o kterém záznam mluví: HMAC-SHA256 pod solí je závazek v záznamu.\n"
    "  (3) Kontrolní bod existoval v čase razítka a podepsal ho klíč deníku. Podpisy v (3) a (4) se posuzují k času razítka (soubor cas); seznamy .crl ukážou, "
    "zda "
    "certifikát\n"
    "      nebyl dříve zneplatněn (openssl crl -inform DER -text). Razítko, jehož certifikát skončil, platí dál, obnovilo-li ho včas jiné: jeho otisk je v "
    "záznamu obnova,\n"
    "      ten je podle (1) pod pozdějším kontrolním bodem a razítko nad tím vzniklo, dokud dřívější platilo (-attime). Poslední musí platit dnes.\n"
    "  (4) Podpis podání patří tomu, koho jmenuje certifikát; otisk certifikátu je v záznamu signed v poli signer. Podpis potvrzení patří druhé straně.\n"
    "  (5) Kdo odpověděl: první certifikát v protistrana.pem; jeho otisk je v záznamu reply v poli peer-sha256.\n"
    "Potom záznamy přečtěte popořadě. FORMAT.txt říká, co který znamená; closed je konec: verdict accepted je přijetí a evidence říká, čím je doloženo.\n";

static const char english[] =
    "This folder is the evidence of one case of a Podatelna box: what the firm signed and sent, what the other side answered, and when. Whoever has neither "
    "the box nor\n"
    "its programs can check it: sh, openssl 3, sha256sum, base64, xxd, sed and cut are enough (Debian: openssl, coreutils, xxd). A program does the same at "
    "once:\n"
    "  podatelna-audit evidence FOLDER --trust duvera.pem\n"
    "\n"
    "The folder holds personal data, and replies may hold the password to the filing's state: treat it like the filing itself. The salts in obsah.txt decrypt "
    "nothing, but\n"
    "whoever has one can test a guess of the content.\n"
    "\n"
    "What is what\n"
    "  original, jmeno.txt               the file as it was handed in; its name and whose it was\n"
    "  podano.p7s                        what was signed (CMS with the certificate)\n"
    "  odeslano                          the exact bytes that left; where it is not there, podano.p7s left\n"
    "  odpoved, potvrzeni.p7s            the reply as it came; potvrzeni.p7s is the one whose signature was verified\n"
    "  potvrzeni.xml, protokol.txt       content of the confirmation; what the other side said, in words\n"
    "  protistrana.pem                   the certificates that the other side showed in TLS\n"
    "  <index>-<role>                    further contents (test runs, questions for the state) by the first record that names them\n"
    "  obsah.txt                         for each content: file, record, role, salt of its commitment\n"
    "  zaznam-<index>.leaf               the records of the case, byte by byte as in the journal; readable as text\n"
    "  zaznam-<index>.tlog-proof         proof that the record is in the journal (C2SP tlog-proof)\n"
    "  kontrolni-bod-<size>.note         checkpoint of the journal; .p7s its CMS signature, .tsr time stamps (RFC 3161)\n"
    "  obnova-<index>.leaf, .tlog-proof  record of a stamp that a later stamp renewed; proof that it lies below the checkpoint of that one\n"
    "  <hash>.cer, <hash>.crl            certificates and lists of revoked ones that the box collected\n"
    "  FORMAT.txt                        description of the journal\n"
    "  stav.txt                          how the case ended, for people; no evidence, the records are\n"
    "\n"
    "How. Copy the folder (the commands make files of their own in it) and put duvera.pem into it: the root certificates of the authorities that you trust (of "
    "the key that\n"
    "signs the journal, of the time-stamp authority, of the person who signed, of the other side), in PEM, had from them and not from this folder. The "
    "commands stand below;\n"
    "each block ends without an error.\n"
    "  (1) Each record is in the journal: the hash of the leaf and those of the proof lead to the root of the checkpoint. The records of the case follow each "
    "other (prev).\n"
    "  (2) Each content is the one that its record speaks of: HMAC-SHA256 under the salt is the commitment in the record.\n"
    "  (3) The checkpoint existed at the time of the stamp, and the key of the journal signed it. Signatures in (3) and (4) are judged at the time of the "
    "stamp (file cas);\n"
    "      the .crl files show whether a certificate was revoked before (openssl crl -inform DER -text). A stamp whose certificate has ended goes on holding "
    "when another\n"
    "      renewed it in time: its hash is in a record obnova, which by (1) lies below the later checkpoint, and the stamp over that was made while the "
    "earlier one held\n"
    "      (-attime). The last one must hold today.\n"
    "  (4) The signature of the filing is that of whom the certificate names; its fingerprint stands in the record signed, field signer. That of the "
    "confirmation is the other\n"
    "      side's.\n"
    "  (5) Who answered: the first certificate in protistrana.pem; its fingerprint stands in the record reply, field peer-sha256.\n"
    "Then read the records one after the other. FORMAT.txt says what each means; closed is the end: verdict accepted is acceptance, and evidence says by what "
    "it is shown.\n";

static const char records_commands[] = "    prev=\n"
                                       "    for leaf in zaznam-*.leaf obnova-*.leaf; do\n"
                                       "      [ -e $leaf ] || continue\n"
                                       "      index=${leaf#*-}; index=${index%.leaf}; proof=${leaf%.leaf}.tlog-proof\n"
                                       "      [ \"$(head -n 1 $leaf | cut -b 5-16)\" = $index ]\n"
                                       "      if [ ${leaf%%-*} = zaznam ]; then [ \"$(sed -n 's/^prev: //p' $leaf)\" = \"$prev\" ]; fi\n"
                                       "      hash=$( (printf '\\000'; cat $leaf) | sha256sum | cut -d ' ' -f 1); prev=$hash\n"
                                       "      if [ ! -e $proof ]; then echo \"$leaf: BEZ DŮKAZU / WITHOUT PROOF\"; continue; fi\n"
                                       "      node=$(sed -n 's/^index //p' $proof); last=$(($(sed '1,/^$/d' $proof | sed -n 2p) - 1))\n"
                                       "      [ $(printf %012d $node) = $index ]\n"
                                       "      sed '1,/^$/d' $proof | cmp - kontrolni-bod-$((last + 1)).note\n"
                                       "      for line in $(sed '1,/^index /d;/^$/,$d' $proof); do\n"
                                       "        other=$(echo $line | base64 -d | xxd -p -c 64)\n"
                                       "        if [ $((node % 2)) = 1 ] || [ $node = $last ]; then\n"
                                       "          hash=$(echo 01$other$hash | xxd -r -p | sha256sum | cut -d ' ' -f 1)\n"
                                       "          while [ $((node % 2)) = 0 ] && [ $node != 0 ]; do node=$((node / 2)); last=$((last / 2)); done\n"
                                       "        else\n"
                                       "          hash=$(echo 01$hash$other | xxd -r -p | sha256sum | cut -d ' ' -f 1)\n"
                                       "        fi\n"
                                       "        node=$((node / 2)); last=$((last / 2))\n"
                                       "      done\n"
                                       "      [ $last = 0 ]\n"
                                       "      [ $hash = $(sed '1,/^$/d' $proof | sed -n 3p | base64 -d | xxd -p -c 64) ]\n"
                                       "      echo \"$leaf: v deníku je / is in the journal\"\n"
                                       "    done\n";

static const char contents_commands[] = "    while read -r file record role salt; do\n"
                                        "      said=$(sed -n \"s/^object-$role: [0-9]* [0-9]* \\([0-9a-f]*\\) .*/\\1/p\" zaznam-$record.leaf)\n"
                                        "      [ \"$(openssl dgst -sha256 -mac HMAC -macopt hexkey:$salt -r $file | cut -d ' ' -f 1)\" = \"$said\" ]\n"
                                        "      echo \"$file: souhlasí / agrees\"\n"
                                        "    done < obsah.txt\n";

static const char stamp_commands[] = "    kdy() { date -u -d \"$(openssl ts -reply -in $1 -text 2> /dev/null | sed -n 's/^Time stamp: //p')\" +%s; }\n"
                                     "    cp duvera.pem sebrane.pem\n"
                                     "    for file in *.cer; do [ ! -e $file ] || openssl x509 -inform DER -in $file >> sebrane.pem; done\n";

static void stamp_name(uint64_t size, size_t number, char ret[JOURNAL_ANCHOR_NAME_SIZE])
{
	journal_anchor_format_name(&(struct journal_anchor_name){ .kind = JOURNAL_ANCHOR_STAMP, .size = size, .number = number }, ret);
}

/* The time at which a stamp has to hold: when the next one renewed it; today for the last one. Of others over the same checkpoint, on which nothing rests then, their own. */
static void write_moment(const struct evidence *evidence, const struct evidence_note *note, size_t number, FILE *to)
{
	const struct evidence_renewal *renewal = NULL;
	char file[JOURNAL_ANCHOR_NAME_SIZE];

	for (size_t i = 0; i < evidence->renewal_count && renewal == NULL; i++) {
		renewal = evidence->renewals[i].size == note->size ? &evidence->renewals[i] : NULL;
	}
	if (renewal != NULL && renewal->number == number) {
		stamp_name(renewal->by.size, renewal->by_number, file);
	} else {
		stamp_name(note->size, number, file);
	}
	if (renewal != NULL) {
		(void)fprintf(to, " -attime $(kdy kontrolni-bod-%s)", file);
	}
}

static void write_stamps(const struct evidence *evidence, const struct evidence_note *note, FILE *to)
{
	for (size_t i = 1; i <= note->stamps; i++) {
		char file[JOURNAL_ANCHOR_NAME_SIZE], over[64] = "text";

		stamp_name(note->size, i, file);
		if (!note->over_text[i - 1]) {
			(void)snprintf(over, sizeof over, "kontrolni-bod-%" PRIu64 ".p7s", note->size);
		}
		(void)fprintf(to, "    openssl ts -verify -in kontrolni-bod-%s -data %s -CAfile duvera.pem -untrusted sebrane.pem", file, over);
		write_moment(evidence, note, i, to);
		(void)fprintf(to, "\n    openssl ts -reply -in kontrolni-bod-%s -text | grep '^Time stamp'\n", file);
	}
}

/* With that option a signature is judged at the time of the stamp, where there is one. */
static const char *at_stamp(const struct evidence_note *note)
{
	return note->stamps > 0 ? " -attime $(cat cas)" : "";
}

static void write_checkpoint(const struct evidence *evidence, const struct evidence_note *note, FILE *to)
{
	(void)fprintf(to, "    head -n 3 kontrolni-bod-%" PRIu64 ".note > text\n", note->size);
	write_stamps(evidence, note, to);
	if (note->stamps > 0) {
		char file[JOURNAL_ANCHOR_NAME_SIZE];

		stamp_name(note->size, 1, file);
		(void)fprintf(to, "    kdy kontrolni-bod-%s > cas\n", file);
	}
	if (note->is_signed) {
		(void)fprintf(to,
		              "    openssl cms -verify -binary -inform DER -in kontrolni-bod-%" PRIu64
		              ".p7s -content text -CAfile duvera.pem -certfile sebrane.pem -purpose any%s -signer kdo.pem -out /dev/null\n",
		              note->size, at_stamp(note));
	}
	if (note->is_signed && note->has_line) {
		(void)fprintf(to,
		              "    openssl x509 -in kdo.pem -noout -pubkey > klic.pem\n"
		              "    tail -n 1 kontrolni-bod-%" PRIu64 ".note | cut -d ' ' -f 3 | base64 -d | tail -c +5 > podpis\n"
		              "    openssl dgst -sha256 -verify klic.pem -signature podpis text\n",
		              note->size);
	}
}

/* That the record is about this stamp, lies below the later checkpoint, and that the later stamp is not the earlier one. */
static void write_renewal(const struct evidence_renewal *renewal, FILE *to)
{
	char earlier[JOURNAL_ANCHOR_NAME_SIZE], later[JOURNAL_ANCHOR_NAME_SIZE];

	stamp_name(renewal->size, renewal->number, earlier);
	stamp_name(renewal->by.size, renewal->by_number, later);
	(void)fprintf(to,
	              "    leaf=obnova-%012" PRIu64 ".leaf\n"
	              "    head -n 1 $leaf | grep -q ' anchor '\n"
	              "    grep -qx 'file: %s' $leaf\n"
	              "    grep -qx \"sha256: $(sha256sum kontrolni-bod-%s | cut -d ' ' -f 1)\" $leaf\n"
	              "    sed '1,/^$/d' ${leaf%%.leaf}.tlog-proof | cmp - kontrolni-bod-%" PRIu64 ".note\n"
	              "    [ $(kdy kontrolni-bod-%s) -le $(kdy kontrolni-bod-%s) ]\n",
	              renewal->index, earlier, earlier, renewal->by.size, earlier, later);
}

/* The newest checkpoints first, so that the time of the first stamp stays in `cas`. */
static void write_checkpoints(const struct evidence *evidence, FILE *to)
{
	(void)fprintf(to, "%s", stamp_commands);
	for (size_t i = evidence->renewal_count; i > 0; i--) {
		write_renewal(&evidence->renewals[i - 1], to);
		if (!is_chosen(evidence, evidence->renewals[i - 1].by.size)) {
			write_checkpoint(evidence, &evidence->renewals[i - 1].by, to);
		}
	}
	for (size_t i = evidence->note_count; i > 0; i--) {
		write_checkpoint(evidence, &evidence->notes[i - 1], to);
	}
}

static void write_commands(const struct evidence *evidence, FILE *to)
{
	(void)fprintf(to, "\n\nPŘÍKAZY / COMMANDS\n==================\n\nsh -eu\n\n(1)\n%s\n", records_commands);
	if (evidence->object_count > count_absent(evidence)) {
		(void)fprintf(to, "(2)\n%s\n", contents_commands);
	}
	(void)fprintf(to, "(3)\n");
	write_checkpoints(evidence, to);
	evidence_write_signatures(evidence, at_stamp(&evidence->notes[0]), to);
	if (evidence_find_file(evidence, "protistrana.pem") != NULL) {
		(void)fprintf(to,
		              "\n(5)\n    openssl x509 -in protistrana.pem -noout -subject -issuer -dates\n"
		              "    grep -q \"^peer-sha256: $(openssl x509 -in protistrana.pem -outform DER | sha256sum | cut -d ' ' -f 1)\" zaznam-*.leaf\n");
	}
}

/* What of the content is not here. */
static void write_content_lacks(const struct evidence *evidence, bool in_czech, FILE *to)
{
	if (evidence->erased != 0) {
		(void)fprintf(to,
		              in_czech ? "  - Obsah byl vymazán záznamem %" PRIu64 "; zůstaly záznamy a jejich důkazy.\n"
		                       : "  - The content was erased by record %" PRIu64 "; records and their proofs are left.\n",
		              evidence->erased);
	} else if (count_absent(evidence) > 0) {
		(void)fprintf(to,
		              in_czech ? "  - Část obsahu se při vývozu nedala přečíst (%zu kusů), viz záznamy%s.\n"
		                       : "  - Some content could not be read (%zu pieces), see the records%s.\n",
		              count_absent(evidence),
		              evidence->archived == 0 ? ""
		              : in_czech              ? "; je v archivu"
		                                      : "; it is in the archive");
	}
	if (evidence->receipts) {
		(void)fprintf(to, in_czech ? "  - Obsah úlohy receipt: je opsán z odpovědi a nese heslo.\n"
		                           : "  - Content of role receipt: it is copied from a reply and holds the password.\n");
	}
}

/* What this folder cannot show. */
static void write_lacks(const struct evidence *evidence, bool in_czech, FILE *to)
{
	const struct evidence_note *note = &evidence->notes[0];

	(void)fprintf(to, in_czech ? "\nCo chybí a proč\n" : "\nWhat is missing, and why\n");
	write_content_lacks(evidence, in_czech, to);
	if (note->stamps == 0) {
		(void)fprintf(
		    to, in_czech ? "  - Časové razítko: žádné zatím nekryje celý případ. Vyvezte případ znovu po příštím razítku (podatelna journal stamp).\n"
		                 : "  - A time stamp: none covers the whole case yet. Export the case again after the next stamp (podatelna journal stamp).\n");
	}
	if (!note->is_signed) {
		(void)fprintf(to, in_czech ? "  - Podpis kontrolního bodu: přístroj neměl klíč deníku.\n"
		                           : "  - The signature of the checkpoint: the box had no key for the journal.\n");
	}
	if (evidence->note_count > 1) {
		(void)fprintf(to,
		              in_czech ? "  - Záznamy od indexu %" PRIu64 " (kdo do případu nahlédl, tento vývoz) kryje až kontrolní bod %" PRIu64 "%s.\n"
		                       : "  - Records from index %" PRIu64 " on (who looked at the case, this export) are covered by checkpoint %" PRIu64
		                         " only%s.\n",
		              note->size, evidence->notes[1].size,
		              evidence->notes[1].stamps > 0 ? ""
		              : in_czech                    ? ", zatím bez razítka"
		                                            : ", which has no stamp yet");
	}
	if (evidence->trust_count == 0) {
		(void)fprintf(to, in_czech ? "  - Seznamy zneplatněných certifikátů: přístroj zatím žádný nesebral; vyžádejte si je od autorit.\n"
		                           : "  - Lists of revoked certificates: the box has collected none yet; ask the authorities for them.\n");
	}
	if (evidence->trust_truncated) {
		(void)fprintf(to, in_czech ? "  - Některé certifikáty a seznamy: je jich mnoho, další jsou v deníku ve složce trust.\n"
		                           : "  - Some certificates and lists: there are many, the others are in the folder trust of the journal.\n");
	}
}

int evidence_write_words(const struct evidence *evidence, FILE *to)
{
	(void)fprintf(to, "OVĚŘENÍ PŘÍPADU %s / CHECKING CASE %s\nDeník / journal: %s\n\n", evidence->number, evidence->number, evidence->origin);
	(void)fprintf(to, "ČESKY\n=====\n\n%s", czech);
	evidence_write_signature_words(evidence, true, to);
	write_lacks(evidence, true, to);
	(void)fprintf(to, "\n\nENGLISH\n=======\n\n%s", english);
	evidence_write_signature_words(evidence, false, to);
	write_lacks(evidence, false, to);
	write_commands(evidence, to);
	return ended(to);
}
