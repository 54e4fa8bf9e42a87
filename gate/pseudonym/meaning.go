package pseudonym

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A meaning is what a field holds, by its name.
type meaning uint8

const (
	noMeaning   meaning = iota
	personName          // somebody's name, or a word of it
	plainName           // "name", "author": somebody's where its value or what stands beside it says so
	namePiece           // "first", "family": a word of a name below a field that is called so
	loginName           // what somebody signs in by
	birthDate           // a date of birth
	nationalID          // a number by which a state knows somebody
	cardNumber          // of a payment card
	bankAccount         // an IBAN, or another account
	telephone           // a telephone number, bare digits too
	secret              // a password
	clientHost          // the address of a client's machine
	mailbox             // a mail address: what stands beside it is somebody's
	birthPart           // the day, month or year of a date of birth
	datePart            // such a part of a date that the object which it is in is called by
	about               // an address, an age or the like: what stands beside it may be somebody's
)

// personal reports whether a field of that meaning says that those beside it are of a person.
func (m meaning) personal() bool {
	switch m {
	case personName, loginName, birthDate, nationalID, telephone, secret, mailbox:
		return true
	}
	return false
}

// maxMeanings bounds how many names of fields are remembered with their meanings.
const maxMeanings = 8192

// meanings remembers what names of fields mean.
type meanings struct {
	mu   sync.RWMutex
	list map[string]meaning
}

// of returns the meaning of the field called name.
func (ms *meanings) of(name string) meaning {
	if name == "" || len(name) > 80 {
		return noMeaning
	}
	ms.mu.RLock()
	m, ok := ms.list[name]
	ms.mu.RUnlock()
	if ok {
		return m
	}
	m = meaningOf(name)
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.list == nil || len(ms.list) >= maxMeanings {
		ms.list = make(map[string]meaning)
	}
	ms.list[strings.Clone(name)] = m
	return m
}

// wordsOf splits the name of a field into its words, in lower case and without accents:
// "billing[firstName]" is billing, first, name. Digits are left out.
func wordsOf(name string) []string {
	var list []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			list = append(list, norm.NFC.String(string(word)))
			word = word[:0]
		}
	}
	upper, uppers := false, 0
	for _, r := range norm.NFD.String(name) {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case !unicode.IsLetter(r):
			flush()
			upper, uppers = false, 0
			continue
		case unicode.IsUpper(r):
			if !upper {
				flush()
			}
			upper = true
			uppers++
		default:
			if uppers > 1 && len(word) > 1 { // "SSNNumber": the last of several begins the next word
				last := word[len(word)-1]
				word = word[:len(word)-1]
				flush()
				word = append(word, last)
			}
			upper, uppers = false, 0
		}
		word = append(word, unicode.ToLower(r))
	}
	flush()
	return list
}

// set makes a set of the words of a text.
func set(text string) map[string]bool {
	out := make(map[string]bool)
	for w := range strings.FieldsSeq(text) {
		out[w] = true
	}
	return out
}

// Names of fields, their words joined.
var (
	nameFields = set(`firstname givenname givennames forename forenames fname lastname lname familyname surname middlename mname secondname maidenname
		birthname fullname realname legalname personname personalname preferredname knownas nameoncard nextofkin emergencycontact
		cardholder accountholder policyholder mothersname fathersname spousename
		vorname vornamen nachname zuname familienname rufname geburtsname ansprechpartner karteninhaber kontoinhaber
		prenom prenoms nomdefamille nomdenaissance nomcomplet nomprenom apellido apellidos primerapellido segundoapellido nombrecompleto nombres
		cognome nomecompleto sobrenome apelido voornaam voornamen achternaam etunimi sukunimi fornamn efternamn fornavn etternavn efternavn
		imie nazwisko jmeno prijmeni keresztnev vezeteknev csaladnev soyad soyadi otchestvo familiya
		氏名 名前 yourname myname`)
	plainNames = set(`name names nom nome nombre naam namn navn nimi imiona displayname nickname screenname author assignee reporter attendee beneficiary payee payer
		contact contactperson customer patient client guest passenger recipient sender signer signatory physician doctor attn attention owner holder shipto billto
		attendees participants guests passengers recipients authors assignees signers patients invitees organizers members`)
	pieces      = set(`first last given family middle forename prefix suffix firstname lastname text full formatted`)
	loginFields = set(`username userlogin loginname loginid login user uname usernameoremail loginuser useraccount benutzername benutzer nomutilisateur utilisateur usuario gebruikersnaam handle screenname nick nickname
		preferredusername samaccountname userprincipalname remoteuser authuser forwardeduser authenticateduser webauthuser ssouser proxyuser`)
	// signedIn are words before "user" in the names of header fields by which a proxy says who it is.
	signedIn = set(`remote auth authenticated forwarded webauth sso proxy request iap principal logged current session login ssl preferred ldap`)
	// controls are words by which forms begin the names of their fields, and say nothing of what they hold.
	controls    = set(`txt tb tbx text inp input fld field frm form edt edit ctl ctrl hdn hid lbl val tf in`)
	givenPieces = set(`first last given family middle`)
	birthFields = set(`dob birth birthdate birthday birthdt dateofbirth bdate bday born birthdatetime geburtsdatum geburtstag gebdatum geboren datenaissance datedenaissance naissance
		fechanacimiento fechadenacimiento nacimiento datanascita datadinascita datanascimento geboortedatum fodselsdato fodelsedatum syntymaaika dataurodzenia datumnarozeni`)
	nationalFields = set(`ssn ssnumber sin socialsecurity socialsecuritynumber socialsecurityno socialinsurancenumber sozialversicherungsnummer svnr svnummer nationalid nationalidnumber nationalidentifier
		nationalinsurance nationalinsurancenumber nino nationalnumber nationalregisternumber identitynumber idnumber idcard idcardnumber personalnumber personalid personalidnumber personalcode
		personnummer personnr fodselsnummer cpr cprnr cprnumber henkilotunnus hetu bsn burgerservicenummer sofinummer nir insee numerosecu numerosecuritesociale securitesociale
		dni nie nif nifnumber cif curp rfc rut run cpf cnpj pesel rodnecislo cnp egn oib jmbg emso amka ahv ahvnr ahvnummer avs avsnumber taxid taxidnumber taxnumber taxpayerid tin tfn steuerid
		steuernummer steueridnummer steueridentifikationsnummer codicefiscale fiscalcode aadhaar aadhaarnumber aadhar pan pannumber nhsnumber nhsno nhs medicare medicarenumber mbi mrn medicalrecordnumber
		passport passportnumber passportno passnummer reisepass ausweisnummer personalausweis driverslicense driverlicense driverslicensenumber driverlicensenumber drivinglicence drivinglicencenumber
		tckimlik tckimlikno rrn nric nricfin fin hkid ppsn pps mynumber versichertennummer insurancenumber healthcardnumber`)
	cardFields   = set(`card cardnumber cardno cardnum ccnumber ccnum ccno cc creditcard creditcardnumber debitcard debitcardnumber pannumber primaryaccountnumber kartennummer kreditkarte kreditkartennummer numerocarte numerotarjeta accountnumbercard`)
	bankFields   = set(`iban ibannumber bankaccount bankaccountnumber accountnumber accountno kontonummer kontonr routingaccount sortcodeaccount bban clabe`)
	secretFields = set(`pw psw pswd passw pass pin pincodes passcode passwort kennwort motdepasse mdp contrasena contrasenia clave senha wachtwoord haslo heslo parol parola salasana losenord adgangskode
		cvv cvc cvn cardsecuritycode securitycode`)
	clientFields = set(`xforwardedfor forwarded xrealip xclientip clientip trueclientip cfconnectingip cfconnectingipv fastlyclientip xclusterclientip xoriginatingip xoriginalforwardedfor
		xenvoyexternaladdress xappengineuserip xazureclientip xprotonip flyclientip ip ipaddress ipaddr ipv remoteip remoteaddr remoteaddress remotehost useripaddress userip sourceip srcip clientaddress clientaddr clienthost xforwarded forwardedfor`)
	mailFields = set(`email emailaddress mail mailaddress useremail emailaddr courriel correo correoelectronico epost`)

	// persons are words for people, by which a field called so and "name", or one below it, is known.
	persons = set(`customer client patient guest member employee student pupil teacher doctor physician nurse passenger traveller traveler person people holder cardholder owner beneficiary
		payee payer recipient sender receiver author contact kin spouse husband wife mother father parent child son daughter partner buyer seller subscriber attendee participant applicant candidate
		donor tenant resident driver rider assignee reporter requester approver reviewer creator manager supervisor staff borrower lender signer signatory witness insured policyholder addressee
		consignee visitor invitee organizer organiser users user kontakt kunde patienten profile account worker colleague friend relative lead prospect shipping billing delivery debtor creditor caller
		employees children members contacts customers patients guests students teachers doctors passengers owners recipients authors attendees participants applicants candidates family emergency
		beneficiaries profiles directory roster`)
)

// meaningOf returns the meaning of the name of a field.
func meaningOf(name string) meaning {
	words := wordsOf(name)
	if len(words) == 0 {
		return noMeaning
	}
	if m := partMeaning(name, words); m != noMeaning {
		return m
	}
	if words[0] == "x" && len(words) > 1 && !clientFields[strings.Join(words, "")] { // X-User-Name
		words = words[1:]
	}
	if len(words) > 1 && controls[words[0]] { // txtFirst
		if m := meaningOf(strings.Join(words[1:], " ")); m == namePiece && len(words) == 2 && givenPieces[words[1]] {
			return personName
		} else if m != noMeaning {
			return m
		}
	}
	joined := strings.Join(words, "")
	if m := exactMeaning(joined); m != noMeaning {
		return m
	}
	if isSecretName(joined, words) {
		return secret
	}
	for n := min(len(words)-1, 3); n > 0; n-- { // "billing_first_name", "user[email]", "customerBirthDate"
		tail := words[len(words)-n:]
		end := strings.Join(tail, "")
		before := words[len(words)-n-1]
		switch m := exactMeaning(end); m {
		case noMeaning:
		case plainName:
			switch {
			case end == "name" && before == "user" || end == "name" && before == "login":
				return loginName
			case (end == "name" || end == "names") && (persons[before] || before == "your" || before == "my" || before == "their"):
				return personName
			case persons[before]:
				return plainName
			}
		case loginName:
			if end != "user" && end != "handle" || signedIn[before] {
				return m
			}
		case bankAccount, cardNumber:
			if len(end) > 4 || end == "iban" {
				return m
			}
		case clientHost:
			if end != "ip" || persons[before] || before == "client" || before == "remote" || before == "source" || before == "from" {
				return m
			}
		case nationalID:
			if len(end) > 3 || end == "ssn" || end == "dni" || end == "bsn" || end == "cpf" {
				return m
			}
		case about:
		case birthDate:
			if end != "birth" && end != "born" || before == "of" || before == "date" {
				return m
			}
		default:
			return m
		}
	}
	return noMeaning
}

// exactMeaning is the meaning of a name whose words are joined.
func exactMeaning(joined string) meaning {
	switch {
	case nameFields[joined]:
		return personName
	case loginFields[joined]:
		return loginName
	case plainNames[joined]:
		return plainName
	case pieces[joined]:
		return namePiece
	case birthFields[joined]:
		return birthDate
	case nationalFields[joined]:
		return nationalID
	case cardFields[joined]:
		return cardNumber
	case bankFields[joined]:
		return bankAccount
	case clientFields[joined]:
		return clientHost
	case mailFields[joined]:
		return mailbox
	case isNumberField(joined):
		return telephone
	case secretFields[joined]:
		return secret
	case tongues[joined] != noMeaning:
		return tongues[joined]
	}
	if who, ok := strings.CutSuffix(joined, "name"); ok && (persons[who] || who == "contact") {
		if who == "user" {
			return loginName
		}
		return personName
	}
	if rest, ok := strings.CutPrefix(joined, "txt"); ok { // and that of a control before it
		if givenPieces[rest] {
			return personName
		}
		if m := exactMeaning(rest); m != noMeaning {
			return m
		}
	}
	for _, e := range []struct { // names of fields in one case, whose words cannot be told apart
		end string
		m   meaning
	}{
		{"firstname", personName}, {"lastname", personName}, {"surname", personName}, {"givenname", personName}, {"familyname", personName}, {"fullname", personName}, {"middlename", personName},
		{"username", loginName}, {"dateofbirth", birthDate}, {"birthdate", birthDate}, {"cardnumber", cardNumber}, {"emailaddress", mailbox},
	} {
		if strings.HasSuffix(joined, e.end) {
			return e.m
		}
	}
	return noMeaning
}

// isSecretName reports whether a field holds a password, by its name: all of it joined,
// and its words.
func isSecretName(joined string, words []string) bool {
	for _, s := range []string{"password", "passwd", "passphrase", "pwd", "secret", "passwort", "kennwort"} {
		if strings.Contains(joined, s) {
			return true
		}
	}
	for i, w := range words {
		switch {
		case w == "pass" || strings.HasSuffix(w, "pass") && w != "compass" && w != "bypass" && w != "trespass" && w != "underpass" && w != "overpass" && w != "surpass":
			return !notSecret(words, i)
		case i == len(words)-1 && w != "pin" && secretFields[w]:
			return true
		case w == "passconf" || w == "passconfirm" || w == "passconfirmation" || w == "passnew" || w == "passold":
			return true
		}
	}
	return len(words) > 1 && words[len(words)-1] == "pin" && !notSecret(words, len(words)-1)
}

// notSecret reports whether the words beside one such as "pass" say that it is no password.
func notSecret(words []string, at int) bool {
	for i, w := range words {
		if i == at {
			continue
		}
		switch w {
		case "boarding", "bus", "season", "ski", "lift", "day", "guest", "train", "rail", "travel", "through", "count", "rate", "fail", "render", "map", "drop", "location", "board", "total", "test", "tests":
			return true
		}
	}
	return false
}
