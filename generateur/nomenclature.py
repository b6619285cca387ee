"""The modules of formation (MEF) that fictitious lycées have, as the ministry codes them."""

from dataclasses import dataclass

from socle.series import Serie


@dataclass(frozen=True, slots=True)
class Mef:
    """A module: its code, its statistical code, its labels, and the first letters of its classes."""

    code: str
    mefstat: str
    formation: str
    libelle: str
    classe: str


TERMINALES: dict[Serie, tuple[Mef, ...]] = {
    Serie.GENERALE: (Mef("20210019110", "22131010019", "TGENE", "TERMINALE GENERALE", "TG"),),
    Serie.STMG: (
        Mef("21231017110", "22132231017", "T-STMG", "T-STMG GESTION ET FINANCE", "TSTMG"),
        Mef("21231018110", "22132231018", "T-STMG", "T-STMG MERCATIQUE (MARKETING)", "TSTMG"),
    ),
    Serie.STI2D: (
        Mef("21220005110", "22132A20005", "TSTI2D", "T-STI2D INNOVATION TECHNO. ECO-CONCEPT.", "TSTI"),
        Mef("21220006110", "22132A20006", "TSTI2D", "T-STI2D SYST. INFORMATION ET NUMERIQUE", "TSTI"),
    ),
    Serie.ST2S: (Mef("21233104110", "22132433104", "T-ST2S", "T-ST2S SC. & TECHNO. SANTE & SOCIAL", "TST2S"),),
    Serie.STL: (Mef("21220007110", "22132320007", "T-STL", "T-STL BIOTECHNOLOGIES", "TSTL"),),
    Serie.STAV: (Mef("21221004110", "22132021004", "T-STAV", "T-STAV AGRONOMIE ET VIVANT", "TSTAV"),),
    Serie.STD2A: (Mef("21213403110", "22132B13403", "TSTD2A", "T-STD2A SC.&TEC.DESIGN-ARTS APPLIQ", "TSTD"),),
    Serie.STHR: (Mef("21233404110", "22132133404", "T-STHR", "T-STHR HOTELLERIE RESTAURATION", "TSTHR"),),
    Serie.S2TMD: (Mef("21213302110", "22132013302", "S2TMD", "T-S2TMD MUSIQUE", "TS2TMD"),),
    Serie.PRO: (
        Mef("24725520331", "23830025520", "TLEPRO", "TLEPRO METIERS ELECT. ENVIRON. CONNECTES", "TPRO"),
        Mef("24734403331", "23830034403", "TLEPRO", "TLEPRO METIERS DE LA SECURITE", "TPRO"),
    ),
}
AUTRES_NIVEAUX = (
    Mef("20010019110", "22111410019", "2GT", "2DE GENERALE ET TECHNOLOGIQUE", "2"),
    Mef("20110019110", "22121010019", "1GENE", "PREMIERE GENERALE", "1G"),
    Mef("21131016110", "22122231016", "1-STMG", "1-STMG SC. & TECHNO. MANAGEMENT GESTION", "1STMG"),
)
MEFS = tuple(mef for mefs in TERMINALES.values() for mef in mefs) + AUTRES_NIVEAUX

LANGUES = ("030201", "030602", "030701", "030101")
TRONC_COMMUN = ("013000", "043700")
SPECIALITES = ("010500", "030001", "043900", "050700", "061300", "062300", "062900", "067300", "074700", "090100")
FACULTATIVES = ("020300", "083200", "061900")
