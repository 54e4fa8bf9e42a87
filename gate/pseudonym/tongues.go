package pseudonym

import "strings"

// keys makes a set of names of fields, between commas, as their words are joined by [wordsOf].
func keys(text string) map[string]bool {
	out := make(map[string]bool)
	for name := range strings.SplitSeq(text, ",") {
		out[strings.Join(wordsOf(name), "")] = true
	}
	return out
}

// Names of fields in other languages and scripts.
var tongues = func() map[string]meaning {
	all := make(map[string]meaning)
	for m, names := range map[meaning]string{
		personName: `姓, 名, 姓名, 真实姓名, 真實姓名, 患者姓名, 客户姓名, 联系人, 聯絡人, 联系人姓名, 收件人, 收货人, 收件人姓名, 收货人姓名, 寄件人, 乘客姓名, 持卡人,
			お名前, 氏, フリガナ, ふりがな, 氏名カナ, カナ氏名, セイ, メイ, 苗字, 名字, 宛名, 担当者名, 患者名, 顧客名, 会員名, 患者氏名, 성, 성명, 성함, 수령인, 수취인, 받는사람, 보내는사람, 환자명, 고객명, 예금주,
			الاسم الكامل, الاسم الأول, الاسم الاول, الاسم الأخير, اسم العائلة, اسم الأب, اسم الأم, اسم الجد, اللقب, الكنية, اسم المريض, اسم العميل, اسم المستلم, اسم الزبون, اسم صاحب البطاقة,
			имя, фамилия, отчество, фио, ф и о, полное имя, имя пациента, имя клиента, імя, прізвище, по батькові, піб, презиме, презимe, שם פרטי, שם משפחה, שם מלא, επώνυμο, ονοματεπώνυμο, πλήρες όνομα,
			ชื่อจริง, นามสกุล, ชื่อนามสกุล, ชื่อเต็ม, पहला नाम, उपनाम, पूरा नाम, họ tên, họ và tên, imię i nazwisko, ad soyad, adı soyadı, nama lengkap, nama depan, nama belakang, prenume, nume de familie, priimek, prezime, ime i prezime, vardas, pavardė, uzvārds, eesnimi, perekonnanimi, teljes név`,
		plainName:  `이름, 환자, 고객, 患者, 客户, 客戶, 顾客, 顧客, 乘客, 会員, الاسم, اسم, المريض, العميل, пациент, клиент, получатель, отправитель, שם, όνομα, ชื่อ, नाम, nama, név, ime, nume, isim, paciente, cliente, huésped, pasajero, destinatario, destinataire, empfänger, patientin`,
		loginName:  `用户名, 用戶名, 账号, 帳號, ユーザー名, ユーザ名, ログインID, 아이디, 사용자명, اسم المستخدم, логин, имя пользователя, שם משתמש, όνομα χρήστη, ชื่อผู้ใช้, tên đăng nhập, nama pengguna, kullanıcı adı`,
		birthDate:  `生日, 出生日期, 出生年月日, 生年月日, 誕生日, 생년월일, 생일, تاريخ الميلاد, تاريخ الولادة, дата рождения, др, день рождения, дата народження, תאריך לידה, ημερομηνία γέννησης, วันเกิด, जन्मतिथि, जन्म तिथि, ngày sinh, tanggal lahir, doğum tarihi, data nașterii, születési dátum, datum rojstva, datum rođenja`,
		nationalID: `身份证, 身份证号, 身份证号码, 身分證, 身分證字號, 護照號碼, 护照号, 护照号码, 個人番号, マイナンバー, 旅券番号, 주민등록번호, 주민번호, 여권번호, رقم الهوية, الهوية الوطنية, رقم جواز السفر, инн, снилс, паспорт, номер паспорта, תעודת זהות, αφμ, αμκα, เลขบัตรประชาชน, số cmnd, cmnd, cccd, nik, nomor ktp`,
		telephone: `手机, 手機, 手机号, 手机号码, 手機號碼, 电话, 電話, 电话号码, 電話號碼, 联系电话, 聯絡電話, 联系方式, 電話番号, 携帯, 携帯電話, 携帯番号, 携帯電話番号, 전화, 전화번호, 휴대폰, 휴대폰번호, 휴대전화, 핸드폰, 연락처,
			هاتف, الهاتف, رقم الهاتف, جوال, الجوال, رقم الجوال, موبايل, رقم الموبايل, телефон, мобильный, моб, тел, номер телефона, мобильный телефон, телефону, טלפון, נייד, τηλέφωνο, κινητό, โทรศัพท์, เบอร์โทร, เบอร์โทรศัพท์, มือถือ, फ़ोन, फोन, मोबाइल,
			téléphone, tél, portable, numéro de téléphone, celular, móvil, movil, teléfono, cellulare, handy, handynummer, rufnummer, telefoonnummer, gsm, gsm nummer, mobil, mobilnummer, tlf, tlf nr, puhelin, puhelinnumero, matkapuhelin, komórka, numer telefonu, telefonszám, mobilszám, số điện thoại, sđt, sdt, nomor hp, no hp, no telp, nomor telepon, telepon, cep telefonu`,
		mailbox: `邮箱, 邮件, 电子邮件, 电子邮箱, 電子郵件, メール, メールアドレス, 이메일, البريد الإلكتروني, البريد, почта, электронная почта, эл почта, דואל, ηλεκτρονικό ταχυδρομείο, อีเมล, ईमेल, adresse électronique`,
		secret:  `密码, 密碼, 口令, パスワード, 暗証番号, 비밀번호, كلمة المرور, كلمة السر, пароль, סיסמה, κωδικός πρόσβασης, รหัสผ่าน, पासवर्ड, mật khẩu, kata sandi`,
		about: `address, street, street address, address line, addr, postcode, postal code, zip, zipcode, zip code, plz, gender, sex, age, nationality, marital status, residence, home address, strasse, straße, hausnummer, anschrift, wohnort, rue, code postal, dirección, domicilio, indirizzo, cap, adresse, adres, adresa, sexe, sexo,
			geschlecht, alter, 地址, 住址, 性别, 性別, 年龄, 年齢, 邮编, 住所, 郵便番号, 주소, 성별, 나이, 우편번호, العنوان, الجنس, العمر, адрес, пол, возраст, индекс, כתובת, διεύθυνση, ที่อยู่, पता, địa chỉ, alamat`,
	} {
		for name := range keys(names) {
			all[name] = m
		}
	}
	return all
}()

// personsElsewhere are words for people in other languages, as persons are.
var personsElsewhere = keys(`患者, 病人, 客户, 客戶, 顾客, 顧客, 用户, 用戶, 会员, 會員, 会員, 乘客, 收件人, 联系人, ユーザー, 利用者, 환자, 고객, 회원, 사용자, 수령인, مريض, المريض, عميل, العميل, زبون, مستخدم, المستخدم, пациент, клиент, пользователь, покупатель, получатель, отправитель,
	заявитель, пациенты, клиенты, пользователи, паціент, клієнт, מטופל, לקוח, משתמש, πελάτης, ασθενής, χρήστης, ผู้ป่วย, ลูกค้า, ผู้ใช้, मरीज, ग्राहक, paciente, pacientes, cliente, clientes, usuario, usuarios, utilisateur, acheteur, destinataire, destinatario, expéditeur, patiente, kunden, kundin, benutzer, empfänger, absender, käufer, cliënt, klant, gebruiker, bruker, användare, kund, asiakas, pacjent, klient, użytkownik, zákazník, pasien, pelanggan, müşteri, kullanıcı`)

// holdersOf are words behind one for people in the name of a field that holds somebody's data:
// "billing_details".
var holdersOf = set(`details detail info information data address contact record profile account attributes properties fields node item entry to from party daten angaben adresse`)

// isOfPerson reports whether the name of a field says that it holds people, or data of one.
func isOfPerson(key string) bool {
	words := wordsOf(key)
	for len(words) > 1 && holdersOf[words[len(words)-1]] && !persons[words[len(words)-1]] {
		words = words[:len(words)-1]
	}
	return len(words) > 0 && (persons[words[len(words)-1]] || personsElsewhere[words[len(words)-1]] || personsElsewhere[strings.Join(words, "")])
}

// isHolderOf reports whether a field holds data of what the object that it is in is called by.
func isHolderOf(key string) bool {
	words := wordsOf(key)
	return len(words) == 1 && holdersOf[words[0]]
}
