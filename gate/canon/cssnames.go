package canon

import "strings"

// isKnownProperty reports whether name is a property of CSS, of mail programs or of
// browsers, or one that authors may name: what is none is not CSS of a known shape.
func isKnownProperty(name string) bool {
	if _, ok := cssProperties[name]; ok {
		return true
	}
	for _, prefix := range [...]string{"-webkit-", "-moz-", "-ms-", "-o-", "mso-", "--", "_", "scrollbar-"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest != "" && isPrintable(rest) && len(rest) <= 64
		}
	}
	return false
}

// cssProperties are the properties of CSS (W3C, "All Properties", 2024), and those
// that only old mail programs have.
var cssProperties = func() map[string]struct{} {
	set := make(map[string]struct{})
	for name := range strings.FieldsSeq(`
		accent-color align-content align-items align-self alignment-baseline all animation animation-delay animation-direction
		animation-duration animation-fill-mode animation-iteration-count animation-name animation-play-state animation-timing-function
		appearance aspect-ratio azimuth backdrop-filter backface-visibility background background-attachment background-blend-mode
		background-clip background-color background-image background-origin background-position background-position-x
		background-position-y background-repeat background-size baseline-shift block-size border border-block border-block-end
		border-block-start border-bottom border-bottom-color border-bottom-left-radius border-bottom-right-radius border-bottom-style
		border-bottom-width border-collapse border-color border-end-end-radius border-end-start-radius border-image
		border-image-outset border-image-repeat border-image-slice border-image-source border-image-width border-inline
		border-inline-end border-inline-start border-left border-left-color border-left-style border-left-width border-radius
		border-right border-right-color border-right-style border-right-width border-spacing border-start-end-radius
		border-start-start-radius border-style border-top border-top-color border-top-left-radius border-top-right-radius
		border-top-style border-top-width border-width bottom box-align box-decoration-break box-shadow box-sizing break-after
		break-before break-inside caption-side caret-color clear clip clip-path clip-rule color color-adjust color-interpolation
		color-scheme column-count column-fill column-gap column-rule column-rule-color column-rule-style column-rule-width column-span
		column-width columns contain container container-name container-type content content-visibility counter-increment
		counter-reset counter-set cursor direction display dominant-baseline elevation empty-cells fill fill-opacity fill-rule filter
		flex flex-basis flex-direction flex-flow flex-grow flex-shrink flex-wrap float font font-display font-family
		font-feature-settings font-kerning font-language-override font-optical-sizing font-palette font-size font-size-adjust
		font-stretch font-style font-synthesis font-variant font-variant-caps font-variant-east-asian font-variant-ligatures
		font-variant-numeric font-variant-position font-variation-settings font-weight forced-color-adjust gap grid grid-area
		grid-auto-columns grid-auto-flow grid-auto-rows grid-column grid-column-end grid-column-gap grid-column-start grid-gap
		grid-row grid-row-end grid-row-gap grid-row-start grid-template grid-template-areas grid-template-columns grid-template-rows
		hanging-punctuation height hyphenate-character hyphens image-orientation image-rendering ime-mode initial-letter inline-size
		inset inset-block inset-inline inset-inline-end inset-inline-start isolation justify-content justify-items justify-self
		layout-flow layout-grid layout-grid-mode left letter-spacing line-break line-height line-height-alt list-style
		list-style-image list-style-position list-style-type margin margin-block margin-block-end margin-block-start margin-bottom
		margin-inline margin-inline-end margin-inline-start margin-left margin-right margin-top marker-offset mask mask-image
		mask-position mask-repeat mask-size max-block-size max-height max-inline-size max-width min-block-size min-height
		min-inline-size min-width mix-blend-mode object-fit object-position offset offset-path opacity order orphans outline
		outline-color outline-offset outline-style outline-width overflow overflow-anchor overflow-wrap overflow-x overflow-y
		overscroll-behavior padding padding-block padding-block-end padding-block-start padding-bottom padding-inline
		padding-inline-end padding-inline-start padding-left padding-right padding-top page page-break-after page-break-before
		page-break-inside page-orientation paint-order panose-1 perspective perspective-origin place-content place-items place-self
		pointer-events position print-color-adjust punctuation-wrap quotes resize right rotate row-gap ruby-align ruby-position scale
		scroll-behavior scroll-margin scroll-padding scroll-snap-align scroll-snap-type shape-image-threshold shape-margin
		shape-outside size speak src stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin
		stroke-miterlimit stroke-opacity stroke-width supported-color-schemes tab-interval tab-size tab-stops table-layout text-align
		text-align-last text-anchor text-autospace text-combine-upright text-decoration text-decoration-color text-decoration-line
		text-decoration-skip text-decoration-skip-ink text-decoration-style text-decoration-thickness text-effect text-emphasis
		text-fit text-indent text-justify text-justify-trim text-kashida-space text-line-through text-orientation text-overflow
		text-rendering text-shadow text-size-adjust text-transform text-underline text-underline-offset text-underline-position
		text-wrap top touch-action transform transform-box transform-origin transform-style transition transition-delay
		transition-duration transition-property transition-timing-function translate unicode-bidi unicode-range user-select
		user-zoom vector-effect vertical-align visibility white-space widows width will-change word-break word-spacing word-wrap
		writing-mode z-index zoom prefix suffix symbols system range negative pad fallback speak-as additive-symbols syntax
		inherits initial-value ascent-override descent-override line-gap-override size-adjust behavior tab-span`) {
		set[name] = struct{}{}
	}
	return set
}()
