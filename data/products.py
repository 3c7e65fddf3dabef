"""What the names of Sentinel-1 products tell: mission, kind, and the pass that they were taken on.

Names, letter by letter:

    S1A_IW_GRDH_1SDV_20201107T135241_20201107T135306_035143_041A16_322B   ESA (.SAFE, _COG.SAFE)
    mission_mode_type_level-class-polarisation_start_stop_ORBIT_datatake_id
    s1a-iw-grd-vh-20201107t135241-20201107t135306-035143-041a16-002.tiff  its measurement file
    OPERA_L2_RTC-S1_T034-071090-IW3_20230610T002900Z_..._S1A_30_v1.0      burst of a track and date
    S1A_IW_20180120T161201_DVP_RTC30_G_gpuned_5A30                        HyP3, by mission and date

Processors keep these names and add their own parts, as SNAP does with `_Orb_Cal_TC` and Planetary
Computer with `_rtc`. Where only a mission and a date, or a date alone, is told, a pass is all of
that day: too much rather than too little is kept on one side of a split.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_ESA = re.compile(
    r"(?P<mission>S1[A-D])[_-](?P<mode>IW|EW|WV|S[1-6])[_-](?P<type>GRD|SLC|OCN|RAW)(?P<res>[FHM_]?)"
    r"[_-].*?(?P<date>20\d{6})T\d{6}[_-]\d{8}T\d{6}[_-](?P<orbit>\d{6})[_-]",
    re.IGNORECASE,
)
_OPERA = re.compile(
    r"OPERA_L2_RTC-S1_(?P<track>T\d{3})-\d+-IW\d_(?P<date>20\d{6})T\d{6}Z_.*?_(?P<mission>S1[A-D])_"
)
_MISSION_AND_DATE = re.compile(
    r"(?<![A-Z0-9])(?P<mission>S1[A-D])(?=[_-]).*?(?<!\d)(?P<date>20\d{6})(?=T\d{6}|(?!\d))",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?<!\d)(?P<year>20[1-4]\d)(?P<sep>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=sep)"
    r"(?P<day>0[1-9]|[12]\d|3[01])(?!\d)"
)
_PIECE = re.compile(
    r"[_-]\d{10}[_-]\d{10}$"  # Earth Engine: row and column of a large export
    r"|[_-](tile|part|piece|chunk|strip|burst|subset|sub|patch|crop|p)[_-]?\d+([_-]\d+)?$"
    r"|[_-]h\d+v\d+$"
    r"|[_-](x|c|col)[_-]?\d+[_-]?(y|r|row)[_-]?\d+$"
    r"|[_-](row|r|y)[_-]?\d+[_-]?(col|c|x)[_-]?\d+$",
    re.IGNORECASE,
)
_PROCESSED = re.compile(
    r"([_-](orb|nr|tnr|bdr|cal|spk|tc|ml|filtered|despeckled|lee|refined))+$", re.IGNORECASE
)
"""What processors add to the name of an image: it stays the same acquisition."""

_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])")

POLARISATIONS = frozenset(("vv", "vh", "hh", "hv"))

AUXILIARY_WORDS = frozenset(
    (
        "dem", "dsm", "dtm", "elevation", "height", "incidence", "incidenceangle", "incident",
        "inc", "lia", "angle", "layover", "shadow", "ls", "mask", "lat", "latitude", "lon",
        "longitude", "bathymetry", "wind", "windspeed", "winddirection", "slope", "aspect",
        "area", "rgb", "browse", "quicklook", "thumbnail", "preview", "overview", "hillshade",
        "landcover", "water", "coherence", "coh", "phase", "unw", "looks", "quality", "flags",
        "slant", "geoid",
    )
)  # fmt: skip
"""Words in names of rasters that lie beside backscatter and are none."""

DERIVED_WORDS = frozenset(
    ("ratio", "std", "stddev", "dev", "theta", "label", "labels", "nesz", "noise", "quick", "minus")
)
"""Words of what is made of backscatter, or drawn beside it."""

ALWAYS_AUXILIARY = frozenset(
    (
        "lia",
        "incidence",
        "incidenceangle",
        "layover",
        "nesz",
        "quicklook",
        "theta",
        "label",
        "labels",
    )
)
"""Words that no place is called: auxiliary wherever they stand in a name."""

AUXILIARY_FOLDERS = frozenset(("tie_point_grids", "vector_data"))
PRODUCT_FOLDERS = frozenset(("preview", "annotation", "calibration"))
"""Folders of a product beside its measurements; elsewhere a user may call a folder so."""


@dataclass(frozen=True)
class Product:
    """What a product's name tells.

    Attributes:
        kind: "ESA", "OPERA", "dated" by mission, or "date" alone.
        pass_id: The pass: mission with orbit, with track and date, or with date.
        date: Of acquisition, YYYYMMDD.
        family: Mission, mode and type, such as "S1_IW_GRDH"; "" where it is not told.
        is_complex: Whether it is a single-look complex product.
    """

    kind: str
    pass_id: str
    date: str
    family: str = ""
    is_complex: bool = False


def read_product(texts: Iterable[str]) -> Product | None:
    """Return what the first text tells that names a product; None where none does.

    >>> read_product(["OPERA_L2_RTC-S1_T034-071090-IW3_20230610T002900Z_x_S1A_30_v1.0"]).pass_id
    'S1A_T034_20230610'
    """
    listed = list(texts)
    for reader in (_read_esa, _read_opera, _read_mission_and_date):
        found = next((product for text in listed if (product := reader(text))), None)
        if found:
            return found
    return None


def read_date(stem: str) -> Product | None:
    """Return the product of which only the date is told, by the name of a file.

    >>> read_date("harbour_2020-01-05").pass_id
    '20200105'
    """
    match = _DATE.search(stem)
    if match is None:
        return None
    date = match["year"] + match["month"] + match["day"]
    return Product("date", date, date)


def strip_piece(stem: str) -> str:
    """Return the name of the image that a piece was cut from, or that was processed.

    >>> strip_piece("S1_mosaic-0000000000-0000000256"), strip_piece("s0_Spk"), strip_piece("tile_3")
    ('S1_mosaic', 's0', 'tile_3')
    """
    whole = _PROCESSED.sub("", stem) or stem
    return _PIECE.sub("", whole) or whole


def auxiliary_word(stem: str) -> str | None:
    """Return the word by which a file's name says that it holds no backscatter.

    In a name with a polarisation these words count behind it; before it they may be a place's, as
    in `Wind_River_VV`.

    >>> auxiliary_word("S1A_IW_20180120T161201_DVP_RTC30_G_gpuned_5A30_inc_map")
    'inc'
    """
    words = [word.lower() for word in _WORDS.split(stem) if word]
    places = [at for at, word in enumerate(words) if word in POLARISATIONS]
    always = next((word for word in words if word in ALWAYS_AUXILIARY), None)
    behind = words[places[0] + 1 :] if places else words
    listed = AUXILIARY_WORDS | DERIVED_WORDS if places else AUXILIARY_WORDS
    return always or next((word for word in behind if word in listed), None)


def is_derived(band: str) -> bool:
    """Say whether a band holds something beside backscatter, by its name: none is a place's.

    >>> is_derived("angle_VH"), is_derived("Sigma0_VH")
    (True, False)
    """
    words = {word.lower() for word in _WORDS.split(band)}
    return bool(words & (AUXILIARY_WORDS | DERIVED_WORDS))


def _read_esa(text: str) -> Product | None:
    match = _ESA.search(text)
    if match is None:
        return None
    mission = match["mission"].upper()
    family = f"{mission[:2]}_{match['mode']}_{match['type']}{match['res']}".upper()
    is_complex = match["type"].upper() == "SLC"
    return Product("ESA", f"{mission}_{match['orbit']}", match["date"], family, is_complex)


def _read_opera(text: str) -> Product | None:
    match = _OPERA.search(text)
    if match is None:
        return None
    pass_id = f"{match['mission']}_{match['track']}_{match['date']}"
    return Product("OPERA", pass_id, match["date"], "OPERA_RTC-S1")


def _read_mission_and_date(text: str) -> Product | None:
    match = _MISSION_AND_DATE.search(text)
    if match is None:
        return None
    return Product("dated", f"{match['mission'].upper()}_{match['date']}", match["date"])
