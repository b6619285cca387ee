"""Reading the exports of SIECLE into typed rows: nothing is judged here but the form (domaine.md §5.1)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from services.eleves.siecle.documents import (
    Depot,
    DocumentLu,
    EleveLu,
    ElevesLus,
    MefLu,
    NomenclatureLue,
    OptionLue,
    Parametres,
    StructuresLues,
)
from services.eleves.siecle.elements import line_of, read_elements, read_root, texts
from services.eleves.siecle.paquet import Document, trop_nombreux
from services.eleves.siecle.refus import (
    DocumentEnDouble,
    DocumentInattendu,
    DocumentInutile,
    ElevesAbsents,
    VersionInconnue,
)
from services.eleves.siecle.sondage import find_encoding

# domaine.md §5.1: « BEE_ELEVES[@VERSION 2.1|3.0] », « TYPE_STRUCTURE D|G (D is the class) ».
_VERSIONS_ELEVES = frozenset({"2.1", "3.0"})
_DIVISION = "D"


def read_documents(documents: Iterable[Document]) -> Depot:
    """Read what was sent together.

    Raises:
        FichierRefuse: one of them is refused, two are of one kind, or none holds students.
    """
    eleves: ElevesLus | None = None
    structures: StructuresLues | None = None
    nomenclature: NomenclatureLue | None = None
    for document in documents:
        match read_document(document):
            case ElevesLus() as lus:
                eleves = _only(eleves, lus)
            case StructuresLues() as lues:
                structures = _only(structures, lues)
            case NomenclatureLue() as lue:
                nomenclature = _only(nomenclature, lue)
    if eleves is None:
        raise ElevesAbsents(
            "Aucun des fichiers envoyés ne contient les élèves : joignez l'export « ElevesSansAdresses » de SIECLE."
        )
    return Depot(eleves, structures, nomenclature)


def _only[T: DocumentLu](first: T | None, second: T) -> T:
    if first is not None:
        raise DocumentEnDouble(
            f"Les fichiers « {first.nom} » et « {second.nom} » sont de même nature : n'en envoyez qu'un."
        )
    return second


def read_document(document: Document) -> DocumentLu:
    """Read one export, whole.

    Raises:
        FichierRefuse: one of its kinds; it is then of no use at all. Of more students than may be, the first are read.
    """
    encoding = find_encoding(document)
    read = _reader(document, *read_root(document, encoding))
    return read(document, encoding)


type _Reader = Callable[[Document, str], DocumentLu]


def _reader(document: Document, racine: str, version: str) -> _Reader:
    match racine:
        case "BEE_ELEVES" if version in _VERSIONS_ELEVES:
            return _read_eleves
        case "BEE_ELEVES":
            raise VersionInconnue(
                f"Le fichier « {document.nom} » est dans la version « {version} » du format des élèves, qui n'est pas "
                "lue : refaites l'export depuis SIECLE en version 3.0."
            )
        case "BEE_STRUCTURES":
            return _read_structures
        case "BEE_NOMENCLATURES":
            return _read_nomenclature
        case _ if racine.startswith("BEE_"):
            raise DocumentInutile(
                f"Le fichier « {document.nom} » ({racine}) n'est pas utile ici : envoyez « ElevesSansAdresses » et, si "
                "vous le souhaitez, « Structures » et « Nomenclature »."
            )
        case _:
            raise DocumentInattendu(
                f"Le fichier « {document.nom} » n'est pas un export de la base élèves (élément {racine[:40]}) : "
                "envoyez « ElevesSansAdresses », exporté depuis SIECLE."
            )


def _attribute(element: etree._Element, name: str) -> str:
    return str(element.get(name, "")).strip()


def _parametres(element: etree._Element) -> Parametres:
    text = texts(element).get
    return Parametres(
        uai=text("UAJ", ""),
        annee_scolaire=text("ANNEE_SCOLAIRE", ""),
        date_export=text("DATE_EXPORT", ""),
        horodatage=text("HORODATAGE", ""),
    )


@dataclass(slots=True)
class _Annexe:
    """What the later parts of the document say of a student, each thing once."""

    divisions: dict[str, None] = field(default_factory=dict)
    options: dict[OptionLue, None] = field(default_factory=dict)
    bourses: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Lignes:
    """The rows of a document as they are read, as many as it may have."""

    document: Document
    eleves: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    annexes: dict[str, _Annexe] = field(default_factory=dict)

    def add(self, ligne: int, eleve_id: str, lu: dict[str, str]) -> None:
        self.eleves.append((ligne, eleve_id, lu))
        self._refuse_too_many(len(self.eleves))

    def annexe(self, eleve_id: str) -> _Annexe:
        found = self.annexes.get(eleve_id)
        if found is None:
            found = self.annexes[eleve_id] = _Annexe()
            self._refuse_too_many(len(self.annexes))
        return found

    def _refuse_too_many(self, count: int) -> None:
        if count > (most := self.document.limites.eleves):
            raise trop_nombreux(self.document.nom, f"{most} élèves")


def _read_eleves(document: Document, encoding: str) -> ElevesLus:
    parametres = Parametres()
    lignes = _Lignes(document)
    # The addresses are asked for so that they are emptied: they are the larger half of the document.
    for element in read_elements(
        document, encoding, "PARAMETRES", "ELEVE", "OPTION", "STRUCTURES_ELEVE", "BOURSES", "ADRESSE"
    ):
        match element.tag:
            case "ELEVE":
                lignes.add(line_of(element), _attribute(element, "ELEVE_ID"), texts(element))
            case "OPTION":
                lignes.annexe(_attribute(element, "ELEVE_ID")).options.update(dict.fromkeys(_options(element)))
            case "STRUCTURES_ELEVE":
                lignes.annexe(_attribute(element, "ELEVE_ID")).divisions.update(dict.fromkeys(_divisions(element)))
            case "BOURSES":
                for eleve_id, code in _bourses(element):
                    lignes.annexe(eleve_id).bourses[code] = None
            case "PARAMETRES":
                parametres = _parametres(element)
            case _:
                pass
    nothing = _Annexe()
    eleves = (_eleve(*row, lignes.annexes.get(row[1], nothing)) for row in lignes.eleves)
    return ElevesLus(document.nom, parametres, tuple(eleves))


def _options(element: etree._Element) -> Iterator[OptionLue]:
    for option in element:
        text = texts(option).get
        yield OptionLue(text("CODE_MATIERE", ""), text("CODE_MODALITE_ELECT", ""))


def _divisions(element: etree._Element) -> Iterator[str]:
    for structure in element:
        text = texts(structure).get
        if text("TYPE_STRUCTURE") == _DIVISION:
            yield text("CODE_STRUCTURE", "")


def _bourses(element: etree._Element) -> Iterator[tuple[str, str]]:
    for row in element:
        # Exports differ on which of the two is an attribute.
        text = texts(row).get
        yield (
            _attribute(row, "ELEVE_ID") or text("ELEVE_ID", ""),
            _attribute(row, "CODE_BOURSE") or text("CODE_BOURSE", ""),
        )


def _eleve(ligne: int, eleve_id: str, lu: dict[str, str], annexe: _Annexe) -> EleveLu:
    text = lu.get
    return EleveLu(
        ligne=ligne,
        eleve_id=eleve_id,
        id_national=text("ID_NATIONAL", ""),
        ine_rnie=text("INE_RNIE", ""),
        ine_bea=text("INE_BEA", ""),
        nom_de_famille=text("NOM_DE_FAMILLE", ""),
        nom_usage=text("NOM_USAGE", ""),
        prenoms=(text("PRENOM", ""), text("PRENOM2", ""), text("PRENOM3", "")),
        naissance=text("DATE_NAISS", ""),
        sexe=text("CODE_SEXE", ""),
        doublement=text("DOUBLEMENT", ""),
        regime=text("CODE_REGIME", ""),
        statut=text("CODE_STATUT", ""),
        mef=text("CODE_MEF", ""),
        entree=text("DATE_ENTREE", ""),
        sortie=text("DATE_SORTIE", ""),
        courriel=text("MEL", ""),
        divisions=tuple(annexe.divisions),
        options=tuple(annexe.options),
        bourses=tuple(annexe.bourses),
    )


def _read_structures(document: Document, encoding: str) -> StructuresLues:
    parametres, divisions = Parametres(), set[str]()
    for element in read_elements(document, encoding, "PARAMETRES", "DIVISION"):
        if element.tag == "PARAMETRES":
            parametres = _parametres(element)
        else:
            divisions.add(_attribute(element, "CODE_STRUCTURE"))
    return StructuresLues(document.nom, parametres, frozenset(divisions))


def _read_nomenclature(document: Document, encoding: str) -> NomenclatureLue:
    parametres, mefs = Parametres(), dict[str, MefLu]()
    for element in read_elements(document, encoding, "PARAMETRES", "MEF", "MATIERE", "PROGRAMME", "PROFESSION"):
        if element.tag == "PARAMETRES":
            parametres = _parametres(element)
        elif element.tag == "MEF":
            text = texts(element).get
            mefs[_attribute(element, "CODE_MEF")] = MefLu(text("CODE_MEFSTAT", ""), text("LIBELLE_LONG", ""))
    return NomenclatureLue(document.nom, parametres, mefs)
