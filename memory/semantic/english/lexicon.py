"""Closed lists of English words by which sentences are read. Data alone; decides nothing.

They stand apart from ``words``, whose lists decide what concepts a graph holds and so are part of its fingerprint.
"""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


ARTICLES = _set("a an the some any each every both all another several many most various such")
"""They open a noun phrase and are left out of its name."""
_QUANTITIES = """
a lot of|lots of|a bunch of|a couple of|a few|a ton of|tons of|plenty of|a number of|all of|some of|many of|most of|
a bit of|a pair of|loads of|all kinds of|kinds of|all sorts of|different kinds of|different types of|types of
"""
QUANTITIES = tuple(tuple(words.split()) for words in _QUANTITIES.split("|"))
"""They open a noun phrase as well, and are left out of its name."""
FIRST_POSSESSIVES = _set("my our")
THIRD_POSSESSIVES = _set("his her their its")
FIRST_PERSON = _set("i we")
OTHER_PERSONS = _set(
    "he she it they you this that these those there here what who which everyone everybody someone somebody anyone "
    "nobody noone something anything everything nothing mine ours yours theirs hers one ones"
)
OBJECT_PRONOUNS = _set(
    "him her it them you this that these those himself herself itself myself ourselves themselves yourself each other "
    "something anything everything nothing someone anyone everyone nobody somebody anybody everybody there here one "
    "mine ours yours theirs hers"
)

PREPOSITIONS = _set(
    "of in at to for with from on about into by as around through near over under between among against during "
    "without within across along behind beside besides toward towards onto upon via like inside outside than per "
    "throughout despite beyond above below off up out down since until till after before except"
)
JOINING = _set("in at to for with from on about into by as around through near of over against under across")
"""Prepositions that become part of a predicate: "lives in", "is from"."""
PARTICLES = _set("up out off down away back over along on together")
CONJUNCTIONS = _set("and but so or nor yet because although though cause 'cause plus & then")
STARTING = _set("and but so because although though cause 'cause plus then yet")
"""After these a clause may begin that is asserted like the one before."""
SUBORDINATORS = _set(
    "when whenever while as after before until till once where wherever since than that which who whom whose why how "
    "what whatever whoever despite"
)
"""What follows them, up to the next comma, is not asserted by itself."""
CONDITIONALS = _set(
    "if unless whether wish wishes wished imagine suppose supposing pretend hypothetically lest assuming"
)
"""A sentence with one of these asserts nothing that a plain rule could tell."""
MODALS = _set("will would can could shall should may might must ought ca wo sha 'll 'd gonna wanna gotta going-to")
QUESTION_OPENERS = _set(
    "do does did is are was were am have has had can could will would should shall may might who what when where why "
    "how which whose"
)
LIMITING = _set("many much all every everything everyone both most several enough only just always until")
"""After "not" they say that something is so, only less."""
NEGATORS = _set("not never n't")
HEDGES = _set(
    "almost nearly barely hardly rarely seldom scarcely probably maybe perhaps possibly likely supposedly allegedly "
    "apparently"
)
"""A clause with one of these says less than its verb."""
ADVERBS = _set(
    "just also really still always usually often finally recently totally definitely already even actually absolutely "
    "currently now only sometimes ever both all completely mostly typically truly simply quite pretty so too very once "
    "again ago later soon together well maybe forever here there home abroad today tonight yesterday tomorrow lately "
    "regularly back away originally kinda else instead almost though somehow anyway right alone twice anymore super "
    "officially"
)
INTERJECTIONS = _set(
    "yeah yes yep yup no nope ok okay oh ah aw aww wow hey hi hello well so and but also actually thanks plus anyway "
    "then now btw haha lol oh honestly basically luckily fortunately unfortunately sadly recently lately currently "
    "yesterday today tonight finally first second still sometimes usually often because although though cause 'cause "
    "absolutely definitely sure totally originally later soon yet guys"
)
"""Words before the subject that change nothing about the clause."""
NOT_ADVERBS = _set(
    "family butterfly lily italy july belly jelly ally reply supply assembly emily sally billy kelly molly holly fly "
    "monopoly anomaly bully lovely friendly lonely silly ugly elderly early only daily weekly monthly yearly likely"
)
"""Words that end in "-ly" and are none."""
TIME_WORDS = _set(
    "second seconds minute minutes hour hours day days week weeks weekend weekends month months year years decade "
    "decades morning mornings afternoon afternoons evening evenings night nights time times today tonight yesterday "
    "tomorrow moment moments monday tuesday wednesday thursday friday saturday sunday spring summer autumn winter fall "
    "season ages fri thu thurs tues weds while lately noon midnight midday century"
)
SOON_OR_LATE = _set("early late daily weekly monthly yearly")
"""They describe what follows them; after a noun they tell when."""
TIME_LEADS = _set("last next this every each that these those")
VAGUE = _set(
    "thing things something lot lots bit way ways part parts fun look chance one ones blast sense kind sort point "
    "reason stuff matter case rest all best most more much deal shot turn place idea feeling feelings word words "
    "everything nothing anything luck favor note few couple type types self selves great good amazing awesome hard "
    "able sure ready same other others important able tough nice better worse difference extra ok okay "
    "usual people person someone"
)
"""Heads of noun phrases that name nothing by themselves."""
VAGUE_NAMES = _set("ok okay lol wow thanks thank yeah yes no hey hi hello i i'm haha please omg congrats god gosh")
"""Capitalised at the head of a sentence, and no name."""
NOUNS_IN_ING = _set(
    "painting training camping meeting building feeling wedding learning writing reading cooking gardening drawing "
    "clothing drawing swimming hiking running housing parking marketing engineering programming photographing coding "
    "opening ending evening morning ceiling ring string wing king thing spring offering gathering gaming knitting "
    "modeling counseling mentoring funding hearing recording sibling earring dancing singing surfing skating skiing "
    "acting climbing fishing baking lighting living being parenting networking rafting boxing cycling sewing setting"
)
"""Words that end in "-ing" and may end a noun phrase of several words."""
ADJECTIVES_IN_ING = _set(
    "amazing interesting exciting challenging inspiring relaxing boring tiring surprising overwhelming rewarding "
    "fascinating stunning charming caring loving breathtaking refreshing calming touching moving encouraging "
    "heartwarming empowering fulfilling thrilling outstanding demanding promising missing willing confusing "
    "disappointing frustrating lacking misleading soothing satisfying comforting uplifting missing mind-blowing during"
)
"""After "is" they describe; they tell of nothing that goes on."""
ADJECTIVES_IN_ED = _set(
    "excited tired interested scared worried thrilled amazed impressed surprised inspired pleased relaxed stressed "
    "overwhelmed blessed bored committed concerned confused determined disappointed embarrassed exhausted fascinated "
    "frustrated honored hooked injured involved motivated obsessed passionate prepared satisfied shocked stoked "
    "swamped touched used supposed done gone ready hurt lost stuck supposed"
)
LASTING = _set(
    "single married divorced widowed engaged vegetarian vegan transgender trans gay lesbian bisexual queer pregnant "
    "retired unemployed self-employed disabled blind deaf diabetic bilingual religious atheist left-handed adopted "
    "lactose-intolerant dyslexic autistic allergic sober homeless colorblind"
)
"""Adjectives after "is" that tell of a state that lasts."""
GOVERNING = {
    "married": "to", "engaged": "to", "allergic": "to", "addicted": "to", "related": "to", "devoted": "to",
    "committed": "to", "dedicated": "to", "passionate": "about", "excited": "about", "crazy": "about",
    "worried": "about", "nervous": "about", "interested": "in", "involved": "in", "fluent": "in", "proud": "of",
    "afraid": "of", "scared": "of", "fond": "of", "tired": "of", "part": "of", "obsessed": "with", "busy": "with",
    "familiar": "with", "friends": "with", "keen": "on", "good": "at", "great": "at", "bad": "at",
    "responsible": "for", "grateful": "for", "thankful": "for", "known": "for", "famous": "for", "inspired": "by",
}  # fmt: skip
"""Adjectives and the preposition after which stands what they are about."""
KIN = _set(
    "friend buddy colleague coworker co-worker neighbor neighbour brother sister cousin nephew niece husband wife "
    "partner boyfriend girlfriend fiance fiancee son daughter mother father mom mum dad boss teacher grandma grandpa "
    "grandmother grandfather uncle aunt dog cat puppy kitten horse roommate mentor coach stepmother stepfather "
    "mother-in-law father-in-law"
)
"""What somebody can be to somebody: a name may follow."""
TITLED = _set("book books novel movie film song show series game album play documentary podcast poem magazine comic")
"""What is known by a title: the one in quotes after it."""
PLURALS = _set("people children men women police folks mice feet teeth geese staff")
REPORTING = _set(
    "think believe guess suppose hope say tell ask hear wonder know mean bet assume expect figure realize understand "
    "remember notice swear claim doubt explain suggest promise imagine dream wish warn mention remind report recommend "
    "feel seem sound worry persuade convince matter let appear happen forget"
)
"""What follows these verbs in a sentence is somebody's word or thought; the rest of the sentence is left alone."""
GIVING = _set("give send show buy bring teach lend offer make cook get read hand build sell")
"""Verbs that take a person and a thing: "gave me a book"."""
CHAINING = _set(
    "live work move go study travel volunteer graduate come fly drive walk run serve stay settle return retire teach "
    "speak perform compete camp hike"
)
"""Verbs after which several phrases with prepositions each tell of the verb: "moved from Sweden to Boston"."""
GERUNDS = _set("like love enjoy hate prefer start begin try practice do quit stop miss consider teach learn finish")
"""Verbs whose object may be a doing: "loves hiking"."""
STATES = _set("live work study stay teach volunteer own wear train attend date play use take")
"""Verbs whose progressive says the same as their present: "is living in" is "lives in"."""
GOING = _set(
    "go move come travel drive fly get return listen relate apply walk run belong talk speak contribute donate switch "
    "marry engage drag send respond subscribe connect relocate head sail swim ride adapt write read commute contribute"
)
"""Verbs after which "to" leads to a place, a person or a thing."""
INTRANSITIVE = _set("go come live arrive happen talk listen look wait sit stand fall rise die belong depend rely laugh")
"""Verbs that have no object without a preposition."""
AUXILIARIES = _set(
    "am is are was were be been being have has had do does did 'm 's 're 've 'll 'd n't to me us your mine ours"
)
"""No adjective and no noun is among these forms of "be", "have" and "do" and what goes with them."""
LIGHT_DOINGS = _set(
    "helping getting going looking being having doing making taking putting keeping using giving coming"
)
"""Doings that say nothing without what they are done to."""
PASTS_LIKE_BASES = _set("read put let cut hit set hurt quit bet split spread")
"""Verbs whose past is written like their present; alone after a subject they are taken for the past."""
