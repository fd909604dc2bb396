"""Which labels of a tagger name things, and which name background (VIVID, app. A.3 and A.4)."""

from __future__ import annotations

from collections.abc import Iterable

# App. A.3: what is left out of a tagger's words, so that only things remain.
ADJECTIVES = frozenset(
    """
    ancient athletic beautiful classic clean clear close-up crowded decorative dark empty fresh
    healthy high indoor light long modern narrow new old outdoor peaceful quiet rainy remote
    romantic sharp shiny short silent single small smooth soft spicy square strong stunning sweet
    tall tiny traditional warm wet wide wooden
    """.split()
)
VERBS = frozenset(
    """
    act add adjust aid appear applause approach archery arrest assemble attach attend auction back
    baking balance bend blow boil bounce build burn buy call carry carve catch celebrate cheer climb
    close cook cool cover create crochet crush cry cut dance decorate deliver dive dribble drift
    drink drive drop eat exercise feed fight fill find fit float fly fold freeze fry gather give
    glow glue go graze greet grow guard guide hang harvest hide hike hit hold hug hunt illuminate
    install jog jump kick knit laugh launch lay lead lean learn leave lie lift load locate lock look
    lose make measure milk mix move open pack paint peel perform pick plant play plow pour practice
    prepare press print pull punch push put read receive reflect relax release remove repair rescue
    reveal ride rise roll rub run sail scatter see sell send serve sew shake shape shear shine shoot
    shout show shovel sing sip sit skate ski sleep slice slide smell smile smoke snap snow soak sort
    sow speak spill spin splash split spread spring sprinkle squeeze stab stand start stare steam
    stir stitch stop store stretch strike stroll study stuff swirl swing take talk teach tear tell
    think throw tick tie toast touch tour tow train trim trip type unlock use vacuum walk wash watch
    wave wear weave weld widen wipe write zip kiss
    """.split()
)
COLORS = frozenset(
    """
    aqua amber beige black blue bronze brown gold gray green lilac orange pink purple red silver
    teal violet white yellow
    """.split()
)
REPEATED_PERSONS = frozenset(
    {
        "person man",
        "person woman",
        "person girl",
        "person boy",
        "man person",
        "woman person",
        "girl person",
        "boy person",
        "girl woman",
        "boy man",
        "woman girl",
    }
)
NO_THINGS = ADJECTIVES | VERBS | COLORS | REPEATED_PERSONS

# App. A.4: the labels that are background.
BACKGROUND = frozenset(
    label.strip()
    for label in """
    sky, water, ocean, sea, river, lake, forest, mountain, desert, field, city, cityscape,
    city skyline, night sky, evening sky, snow, snowfield, iceberg, beach, sand, grassland, grassy,
    meadow, garden, park, jungle, island, cave, mountain range, valley, dune, hill, hillside,
    horizon, skyline, background, scenery, landscape, countryside, farmland, village, road,
    road trip, street, street corner, street scene, path, trail, outdoor, outcrop, rocky, coast,
    coastline, shore, shoreline, riverbank, river valley, mountain lake, riverbed, mountain stream,
    mountain pass, mountain village, mountaineer, mountain view, mountain snowy, waterfall, cascade
    """.replace("\n", " ").split(",")
)
ARTICLES = frozenset({"a", "an", "the"})
_EDGES = " \t\r\n.,;:!?\"'"


def plain_label(label: str) -> str:
    """Small letters, single spaces, no article in front, nothing around."""
    plain = " ".join(label.lower().split()).strip(_EDGES)
    article, _, rest = plain.partition(" ")
    return plain_label(rest) if rest and article in ARTICLES else plain


def bare_phrase(phrase: str) -> str:
    """What a phrase is about: "an old red car" is a car.

    For taggers that speak in phrases. One that has a fixed vocabulary means its words as they
    are: its "orange juice" is no juice.
    """
    words = plain_label(phrase).split()
    while len(words) > 1 and words[0] in ADJECTIVES | COLORS:
        words = words[1:]
    return " ".join(words)


def known_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Plain labels, each once, in the order of their first mention."""
    return tuple(dict.fromkeys(label for label in map(plain_label, labels) if label))


def foreground_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels of things: without verbs, adjectives, colours and persons named twice (A.3)."""
    return tuple(label for label in known_labels(labels) if label not in NO_THINGS)


def background_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels of background (A.4)."""
    return tuple(label for label in known_labels(labels) if label in BACKGROUND)
