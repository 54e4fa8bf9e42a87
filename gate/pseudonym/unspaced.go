package pseudonym

import (
	"crypto/aes"
	"encoding/binary"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/unicode/norm"
)

// A boundary says where a name ends in text of its script.
type boundary uint8

const (
	spaced   boundary = iota // other letters beside it make it another word
	attached                 // particles are written before it: Arabic, Hebrew
	unspaced                 // words stand side by side: it is found within others
)

// isUnspaced reports whether r is a letter of Han, Hiragana, Katakana or Hangul, where names
// stand beside other words without a space and are put together without one.
func isUnspaced(r rune) bool {
	return r >= 0x1100 && (unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r == 'ー')
}

// isRunOn reports whether r is of another script that has no spaces between words.
func isRunOn(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}

// leastRunOn is how many characters a name has at the least that is found within words of
// scripts whose characters are single sounds.
const leastRunOn = 4

// boundaryOf returns how the name, in lower case, ends in text.
func boundaryOf(text string) boundary {
	within, runOn, semitic, letters := 0, 0, 0, 0
	for _, r := range text {
		switch {
		case isUnspaced(r):
			within++
		case isRunOn(r):
			runOn++
		case unicode.In(r, unicode.Arabic, unicode.Hebrew):
			semitic++
		case !unicode.IsLetter(r) && !unicode.Is(unicode.M, r):
			continue
		}
		letters++
	}
	switch {
	case within == letters && within > 1, runOn == letters && runOn >= leastRunOn:
		return unspaced
	case semitic == letters && semitic >= 3:
		return attached
	}
	return spaced
}

// endsWithin reports whether what stands at i in t is part of the character before it: a
// mark, or the vowel or last consonant of a syllable of Hangul.
func endsWithin(t []byte, i int) bool {
	if i >= len(t) || t[i] < utf8.RuneSelf {
		return false
	}
	r, _ := utf8.DecodeRune(t[i:])
	return unicode.Is(unicode.M, r) || 0x1160 <= r && r < 0x1200
}

// particles are written before a word of Arabic or Hebrew without a space: and, so, with, to,
// like, the, from, that.
var particles = set(`و ف ب ل ك ال وال فال بال كال لل ولل فلل ول وب وك فل فب فك س يا
	ו ה ב ל מ ש כ וה ול וב ומ וש וכ שה מה כש`)

// afterParticle reports whether only particles stand in the word of t before i.
func afterParticle(t []byte, i int) bool {
	begin := i
	for n := 0; n < 5 && inWordBefore(t, begin); n++ {
		_, size := utf8.DecodeLastRune(t[:begin])
		begin -= size
	}
	return particles[string(t[begin:i])]
}

// particleIn returns how long the longest particle is before a word of at least three
// letters; 0: there is none.
func particleIn(word []byte) (size int) {
	for i, n := 0, 0; i < len(word) && n < 3; n++ {
		_, next := utf8.DecodeRune(word[i:])
		if i += next; particles[string(word[:i])] && utf8.RuneCount(word[i:]) >= 3 {
			size = i
		}
	}
	return size
}

// Surnames by which a name in one word is taken apart: those of one character, and longer ones.
var (
	shortSurnames = runes(`王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧许許傅沈曾彭吕呂苏蘇卢盧蒋蔣蔡贾賈丁魏薛叶葉阎閻余潘杜戴夏钟鍾汪田任姜范方石姚谭譚廖邹鄒熊金陆陸郝孔白崔康毛邱秦江史顾顧侯邵孟龙龍万萬段雷钱錢汤湯尹黎易常武乔喬贺賀赖賴龚龔文庞龐樊兰蘭殷施陶洪翟安颜顏倪严嚴牛温溫芦季俞章鲁魯葛伍韦韋申尤毕畢聂聶丛焦向柳邢路岳齐齊梅莫庄莊辛管祝左涂谷祁时時舒耿牟卜詹关關苗凌费費纪紀靳盛童欧歐甄项項曲成游阳陽裴席卫衛查屈鲍鮑位覃霍翁隋植甘景薄单單包司柏宁寧柯阮桂闵森
		김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구나민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국`)
	longSurnames = set(`欧阳 歐陽 司马 司馬 上官 诸葛 諸葛 夏侯 皇甫 尉迟 尉遲 公孙 公孫 慕容 令狐 端木 司徒 轩辕 長孫 长孙 宇文 东方 東方 南宫 南宮 独孤 獨孤 남궁 황보 제갈 사공 선우 서문 독고
		佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 清水 斎藤 斉藤 齋藤 山崎 中島 池田 橋本 阿部 石川 山下 中川 小川 前田 岡田 長谷川 藤田 近藤 後藤 坂本 遠藤 青木 藤井 西村 福田 太田 三浦 藤原 岡本 松田 中野 中山
		原田 小野 田村 竹内 金子 和田 石井 上田 森田 小島 柴田 酒井 工藤 横山 宮崎 宮本 内田 高木 谷口 安藤 丸山 今井 大野 高田 藤本 村上 武田 上野 杉山 増田 菅原 平野 大塚 千葉 久保 松井 岩崎 桜井 野口 木下 松尾 野村 菊地 佐野 渡部 大西 新井 杉本 古川 浜田 市川 小松 高野 水野 吉川 山内 西田 西川 菊池 北村 五十嵐 福島 安田 中田 平田 川口 川崎 飯田 東 本田`)
)

func runes(s string) map[rune]bool {
	out := make(map[rune]bool)
	for _, r := range s {
		out[r] = !unicode.IsSpace(r)
	}
	return out
}

// surnameIn returns how many bytes of a name in one word are its surname, as far as the lists
// know; 0: none.
func surnameIn(word []byte) int {
	if utf8.RuneCount(word) > 5 {
		return 0
	}
	at := 0
	short := 0
	for n := 1; n <= 3 && at < len(word); n++ {
		r, size := utf8.DecodeRune(word[at:])
		at += size
		if n == 1 && shortSurnames[r] && utf8.RuneCount(word) <= 4 {
			short = at
		}
		if n > 1 && at < len(word) && longSurnames[string(word[:at])] {
			return at
		}
	}
	if short == len(word) {
		return 0
	}
	return short
}

// callings stand behind a surname: Mr, Ms, teacher, doctor and the like.
var (
	callings       = strings.Fields(`先生 女士 小姐 太太 夫人 同学 同學 老师 老師 医生 醫生 大夫 教授 经理 經理 总 さん 様 さま 氏 殿 君`)
	koreanCallings = strings.Split(`씨, 씨,님, 님,선생, 선생,과장, 과장,부장, 부장,대리, 대리,사장, 사장,팀장, 팀장,교수, 교수,고객님, 고객님,환자, 환자`, ",")
)

// unspacedName makes identities of what a name in scripts without spaces is written as in
// text: its words put together in both orders, its surname before a calling, and, of a name in
// one word, the given name. Names of three characters and more count in the whole recording.
func (w *item) unspacedName(s []byte) {
	var list []string
	eachWord(s, func(word []byte) {
		if name := foldName(word); isAllUnspaced(name) {
			list = append(list, name)
		}
	})
	if len(list) == 0 || len(list) > 4 {
		return
	}
	if len(list) == 1 {
		size := surnameIn([]byte(list[0]))
		if size == 0 {
			return
		}
		w.learnWithin(list[0])
		list = []string{list[0][:size], list[0][size:]}
		w.word([]byte(list[0]))
		w.word([]byte(list[1]))
	}
	for i, a := range list {
		single := utf8.RuneCountInString(a) == 1
		if single {
			list := callings
			if r, _ := utf8.DecodeRuneInString(a); unicode.Is(unicode.Hangul, r) {
				list = koreanCallings
			}
			for _, calling := range list {
				w.found(needle{kind: aName, text: a + calling, original: a + calling, tail: len(calling)})
			}
		}
		for k, b := range list {
			if i == k {
				continue
			}
			w.learnWithin(a + b)
			if single || utf8.RuneCountInString(b) == 1 {
				for _, between := range []string{" ", "\u3000"} {
					w.foreignWord([]byte(a + between + b))
				}
			}
		}
	}
}

// learnWithin makes a name an identity, and one of the whole recording from three characters on.
func (w *item) learnWithin(name string) {
	w.word([]byte(name))
	if utf8.RuneCountInString(name) > 2 {
		w.c.people.declare(name)
	}
}

func isAllUnspaced(s string) bool {
	for _, r := range s {
		if !isUnspaced(r) {
			return false
		}
	}
	return s != ""
}

func hasUnspaced(s []byte) bool {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		if isUnspaced(r) {
			return true
		}
		i += size
	}
	return false
}

// mostWithin is how many characters a name has at the most that is looked for within words.
const mostWithin = 12

// twoOf are the first two characters of a name whose script has no spaces; "" of any other.
func twoOf(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	second, more := utf8.DecodeRuneInString(name[size:])
	if isUnspaced(first) && isUnspaced(second) {
		return name[:size+more]
	}
	return ""
}

// within makes identities of the names of the whole recording that stand within t, text
// without spaces.
func (w *item) within(t []byte) {
	if !norm.NFC.IsNormal(t) {
		t = norm.NFC.Bytes(t)
	}
	p := w.c.people
	for i := 0; i < len(t); {
		r, size := utf8.DecodeRune(t[i:])
		end := i + size
		if isUnspaced(r) {
			for n := 2; n <= mostWithin && end < len(t); n++ {
				next, more := utf8.DecodeRune(t[end:])
				if !isUnspaced(next) {
					break
				}
				end += more
				if n == 2 && !p.mayBegin(t[i:end]) {
					break
				}
				if p.knows(t[i:end]) {
					w.word(t[i:end])
				}
			}
		}
		i += size
	}
}

// Stretches of Unicode whose letters become one another character by character.
var stretches = [...]struct{ first, last rune }{{0x3041, 0x3096}, {0x30a1, 0x30fa}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3}}

const firstMapped, lastMapped = 0x3041, 0xd7a3

// alikes are the letters of these stretches in classes: of one stretch and of the same
// charsets of old, so that text in any of these can be written again.
var alikes = sync.OnceValue(func() [][]uint16 {
	var list [][]uint16
	index := make(map[uint32]int)
	coders := []*encoding.Encoder{simplifiedchinese.GBK.NewEncoder(), traditionalchinese.Big5.NewEncoder(), japanese.ShiftJIS.NewEncoder(), japanese.EUCJP.NewEncoder(), korean.EUCKR.NewEncoder()}
	var raw, coded [16]byte
	for n, s := range stretches {
		for r := s.first; r <= s.last; r++ {
			if !unicode.IsLetter(r) {
				continue
			}
			class := uint32(n)
			size := utf8.EncodeRune(raw[:], r)
			for _, e := range coders {
				class <<= 2
				e.Reset()
				written, _, err := e.Transform(coded[:], raw[:size], true)
				switch {
				case err != nil || written == 0:
				case written == 2 && coded[0] >= 0xa1 && coded[1] >= 0xa1: // of the first standard, before vendors added to it
					class |= 2
				default:
					class |= 1
				}
			}
			i, ok := index[class]
			if !ok {
				i = len(list)
				index[class] = i
				list = append(list, nil)
			}
			list[i] = append(list[i], uint16(r))
		}
	}
	return list
})

// characters is the pseudonym of each letter of the stretches: another one of its class, by a
// keyed cycle (Sattolo). What is made of names by putting characters together, or taking them
// apart, is so the pseudonym of what is made of the names.
func (p permuter) characters() []uint16 {
	out := make([]uint16, lastMapped-firstMapped+1)
	var counter, stream [aes.BlockSize]byte
	for n, class := range alikes() {
		shuffled := append([]uint16(nil), class...)
		for i := len(shuffled) - 1; i > 0; i-- {
			counter[0], counter[1] = byte(ofName), 0xfe
			binary.BigEndian.PutUint32(counter[2:], uint32(n))
			binary.BigEndian.PutUint32(counter[6:], uint32(i))
			p.block.Encrypt(stream[:], counter[:])
			j := binary.BigEndian.Uint64(stream[:]) % uint64(i)
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		}
		for i, r := range class {
			out[r-firstMapped] = shuffled[i]
		}
	}
	return out
}

// mapped is what becomes of r by itself; false: it is replaced with the letters beside it.
func (c *Cleaner) mapped(r rune) (rune, bool) {
	if r < firstMapped || r > lastMapped || !isUnspaced(r) {
		return r, false
	}
	if out := c.characters()[r-firstMapped]; out != 0 {
		return rune(out), true
	}
	return r, false
}

// spelt is the pseudonym of a word of a name, composed, or of several with what stands between.
func (c *Cleaner) spelt(s string) string {
	if !hasUnspaced([]byte(s)) {
		return c.perm.text(ofName, 0, s, spoken)
	}
	out := c.perm.text(ofName, 0, s, func(r rune) (symbol, bool) {
		if isUnspaced(r) && r <= lastMapped {
			return symbol{}, false
		}
		return spoken(r)
	})
	return strings.Map(func(r rune) rune { r, _ = c.mapped(r); return r }, out)
}
