#include "numbers.h"

#include <stdlib.h>
#include <string.h>

/* What to do, the same for several numbers: Czech, English. */
#define LATER "Zkuste to později; krabice se ptá sama.", "Try later; the box asks by itself."
#define US                                                                                                                                                     \
	"Chybu má program nebo jeho nastavení: předejte ji správci krabice.", "The fault is in the program or its settings: tell the administrator of the "    \
	                                                                      "box."
#define DATA "Opravte data v programu, ze kterého jsou, a vložte nový soubor.", "Correct the data in the program they come from and put in a new file."
#define VS                                                                                                                                                     \
	"Porovnejte variabilní symbol v souboru s tím, na který je firma u ČSSZ registrována.",                                                                \
	    "Compare the variable symbol in the file with the one the firm is registered under."
#define CERT                                                                                                                                                   \
	"Podepisujte kvalifikovaným certifikátem, který je registrován u OSSZ (vydavatel a sériové číslo).",                                                   \
	    "Sign with the qualified certificate that is registered with the OSSZ (issuer and serial number)."
#define REGISTER                                                                                                                                               \
	"Na OSSZ nebo v ePortálu ověřte pověření pro tuto službu a zaregistrovaný certifikát.",                                                                \
	    "Check with the OSSZ or in ePortál the authority for this service and the registered certificate."
#define DIS "Správce má ověřit šifrovací certifikát ČSSZ (encrypt_to).", "The administrator must check the encryption certificate of ČSSZ (encrypt_to)."
#define DUP                                                                                                                                                    \
	"Neposílejte znovu: ověřte v ePortálu, které z podání bylo přijato; opakovat lze po 48 hodinách.",                                                     \
	    "Do not send again: see in ePortál which one was accepted; it may be repeated after 48 hours."
#define COUNT "Rozdělte podání tak, aby v každém bylo nejvýše 1500 formulářů.", "Divide it so that each filing has at most 1500 forms."
#define CHANNEL "Tuto službu podejte jinou cestou (datová schránka, ePortál).", "File this one another way (data box, ePortál)."
#define ASK "Obraťte se na podporu ČSSZ a uveďte identifikátor podání.", "Ask the support of ČSSZ and give the identifier of the filing."

/* Sorted as texts. Sources: 10.1 and 10.2; 20000 and more: 8.3. */
static const struct cssz_number numbers[] = {
	{ "1", "prvek chybí, nebo (starší výklad) podání je duplicitní", "an element is missing, or (older meaning) a duplicate", ASK },
	{ "1000", "vnitřní chyba brány", "an internal failure of the gateway", LATER },
	{ "1001", "obálka neodpovídá předpisu", "the envelope does not fit its schema", US },
	{ "1002", "brána odmítla ověření", "the gateway refused the authentication", US },
	{ "101", "podpisový certifikát není platný kvalifikovaný certifikát", "the signing certificate is not a valid qualified certificate", CERT },
	{ "102", "podpis je neplatný", "the signature is invalid", US },
	{ "1020", "identifikátor uveden tam, kde být nesmí", "a CorrelationID where it must be empty", US },
	{ "103", "chybí oprávnění ke službě, nebo certifikát není v registru podávajících",
	  "no authority for the service, or the certificate is not in the register of submitters", REGISTER },
	{ "1035", "uzavření bez identifikátoru", "a delete without CorrelationID", US },
	{ "104", "podpis se nepodařilo ověřit", "the signature could not be verified", US },
	{ "1042", "prázdné tělo zprávy", "an empty body", US },
	{ "1046", "brána odmítla oprávnění", "the gateway refused the authorisation", VS },
	{ "1047", "nepodporovaná metoda ověření", "an authentication method that is not supported", US },
	{ "105", "podpisový klíč vypršel", "the signing key expired", CERT },
	{ "17800", "blíže neurčená chyba", "an unspecified error", ASK },
	{ "17801", "chybná obálka ČSSZ", "a bad ČSSZ envelope or namespace", US },
	{ "17803", "chybí podpis", "the signature is missing", US },
	{ "17804", "chybí data", "the data block is missing", US },
	{ "17805", "data nejdou dekódovat", "the data cannot be decoded", US },
	{ "17806", "neznámá verze obálky, nebo data nejsou šifrována", "an unknown version of the envelope, or data that are not encrypted", US },
	{ "17807", "podpis nejde dekódovat", "the signature cannot be decoded", US },
	{ "17808", "verze obálky nepatří k formuláři", "the version of the envelope is wrong for the form", US },
	{ "17810", "data se nepodařilo dešifrovat", "the data could not be decrypted", DIS },
	{ "17812", "služba neběží", "the service is not running", LATER },
	{ "17813", "neznámá třída nebo nesprávný kód formuláře", "an unknown class or a wrong eType", US },
	{ "17814", "podáno zastaralým programem, nebo data nejdou dešifrovat", "sent by an outdated program, or not decryptable", DIS },
	{ "17819", "data nejsou XML", "the data are not XML", DATA },
	{ "17820", "podpis se nepodařilo ověřit", "an error verifying the signature", US },
	{ "17823", "podpis se nepodařilo ověřit", "an error verifying the signature", US },
	{ "17824", "podpis se nepodařilo ověřit", "an error verifying the signature", US },
	{ "17830", "podpis je neplatný", "the signature is invalid", US },
	{ "17831", "problém s certifikátem podepisujícího", "a problem with the signer's certificate", CERT },
	{ "17832", "problém s certifikátem podepisujícího", "a problem with the signer's certificate", CERT },
	{ "17833", "problém s certifikátem podepisujícího", "a problem with the signer's certificate", CERT },
	{ "17835", "data se nepodařilo rozbalit", "the data could not be decompressed", US },
	{ "17836", "dešifrovaná data nejsou XML, nebo mají jiné kódování, než uvádějí", "the decrypted data are not XML or have another encoding than they say",
	  DATA },
	{ "17837", "dešifrovaná data nejdou načíst", "the decrypted data cannot be loaded", DATA },
	{ "17839", "problém s certifikátem podepisujícího", "a problem with the signer's certificate", CERT },
	{ "17840", "data jsou prázdná", "the data are empty", DATA },
	{ "2000", "brána tento identifikátor nezná", "the gateway does not know this CorrelationID", ASK },
	{ "20000", "technická chyba při příjmu", "a technical error of the intake", ASK },
	{ "20022", "stejné podání už bylo přijato", "the same filing was accepted before", DUP },
	{ "201", "chybný šifrovací certifikát", "a bad encryption certificate", DIS },
	{ "202", "šifrovací certifikát vypršel", "the encryption certificate expired", DIS },
	{ "300", "duplicitní podání", "a duplicate", DUP },
	{ "3000", "chyba zpracování na straně úřadu", "a processing error of the department", DATA },
	{ "3001", "chyba zpracování na straně úřadu", "a business error of the department", DATA },
	{ "302", "duplicitní podání", "a duplicate", DUP },
	{ "305", "počet formulářů není 1 až 1500", "the number of forms is not 1 to 1500", COUNT },
	{ "310", "služba není tímto kanálem povolena", "the service is not allowed through this channel", CHANNEL },
	{ "400", "chyba zpracování", "a processing error", DATA },
	{ "40000", "technická chyba při zpracování", "a technical error of the processing", ASK },
	{ "51105", "neznámá data nebo atributy", "unknown data or attributes", DATA },
	{ "51107", "chybí jmenný prostor, nebo je nesprávný", "the namespace is wrong or missing", DATA },
	{ "61", "data neodpovídají předpisu (XSD)", "the data do not fit the schema (XSD)", DATA },
	{ "62", "v podání smí být právě jeden formulář", "exactly one form is allowed", DATA },
	{ "63", "variabilní symbol obálky se liší od dat", "the variable symbol of the envelope differs from the data", VS },
	{ "64", "v datech není žádný záznam", "there is no record in the data", DATA },
};

static int compare(const void *key, const void *entry)
{
	return strcmp(key, ((const struct cssz_number *)entry)->number);
}

const struct cssz_number *cssz_number_find(const char *number)
{
	return bsearch(number, numbers, sizeof numbers / sizeof numbers[0], sizeof numbers[0], compare);
}
