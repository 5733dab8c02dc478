"""Names, places, animals and cases that the seeds choose from."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "ANIMALS",
    "CASES",
    "CITIES",
    "FIRST_NAMES",
    "LAST_NAMES",
    "PET_NAMES",
    "SPECIALTIES",
    "STREETS",
    "VACCINES",
]


class Animal(NamedTuple):
    """A breed, with the weight of a grown animal."""

    species: str
    breed: str
    grams: int


class Case(NamedTuple):
    """Why a pet comes, and what follows."""

    reason: str
    diagnosis: str
    treatment: str
    medication: str
    dosage: str


FIRST_NAMES = (
    "Lucía", "Martín", "Sofía", "Hugo", "Valeria", "Mateo", "Paula", "Leo", "Elena", "Daniel", "Carla", "Pablo",
    "Irene", "Álvaro", "Noa", "Adrián", "Marta", "Diego", "Julia", "Bruno", "Inés", "Mario", "Ana", "Óscar", "Laia",
)  # fmt: skip
LAST_NAMES = (
    "García", "Rodríguez", "González", "Fernández", "López", "Martínez", "Sánchez", "Pérez", "Gómez", "Ruiz", "Díaz",
    "Moreno", "Muñoz", "Álvarez", "Romero", "Alonso", "Navarro", "Torres", "Ramos", "Vidal", "Ortega", "Serra", "O'Neill",
)  # fmt: skip
STREETS = ("Calle Mayor", "Calle de Alcalá", "Avenida de la Paz", "Paseo del Prado", "Rambla Nova", "Calle Real", "Gran Vía")
CITIES = (("Madrid", "28"), ("Barcelona", "08"), ("Valencia", "46"), ("Sevilla", "41"), ("Bilbao", "48"), ("Zaragoza", "50"))
SPECIALTIES = ("surgery", "dermatology", "cardiology", "dentistry", "exotic animals", "internal medicine", "ophthalmology")
PET_NAMES = (
    "Luna", "Rex", "Coco", "Nala", "Simba", "Kira", "Thor", "Lola", "Max", "Mía", "Toby", "Bimba", "Rocky", "Nina", "Zeus",
    "Canela", "Bruno", "Duna", "Leia", "Pipo", "Trufa", "Sombra", "Copito",
)  # fmt: skip
ANIMALS = (
    Animal("dog", "Labrador Retriever", 30000),
    Animal("cat", "European Shorthair", 4500),
    Animal("dog", "Galgo Español", 26000),
    Animal("cat", "Siamese", 4000),
    Animal("dog", "Yorkshire Terrier", 3000),
    Animal("dog", "Beagle", 11000),
    Animal("cat", "Maine Coon", 7000),
    Animal("rabbit", "Belier", 2000),
    Animal("dog", "Podenco", 20000),
    Animal("bird", "Cockatiel", 95),
    Animal("cat", "Persian", 4800),
)
CASES = (
    Case("Ear scratching", "Otitis externa", "Ear cleaning", "Otomax", "4 drops a day"),
    Case("Vomiting", "Gastritis", "Fasting, then a bland diet", "Maropitant", "1 mg/kg a day"),
    Case("Limping", "Sprain", "Rest for ten days", "Meloxicam", "0.1 mg/kg a day"),
    Case("Itching", "Flea allergy dermatitis", "Flea control at home", "Oclacitinib", "0.5 mg/kg twice a day"),
    Case("Yearly check", "Healthy", "None needed", "Milbemycin", "one tablet"),
    Case("Bad breath", "Periodontal disease", "Scaling under anaesthesia", "Clindamycin", "11 mg/kg twice a day"),
    Case("Coughing", "Kennel cough", "Rest, away from other dogs", "Doxycycline", "5 mg/kg twice a day"),
    Case("Drinks a lot", "Suspected diabetes mellitus", "Blood glucose curve", "Insulin", "0.25 IU/kg twice a day"),
)
VACCINES = (
    "CASE pets.species WHEN 'dog' THEN 'DHPP' WHEN 'cat' THEN 'FVRCP' WHEN 'rabbit' THEN 'Myxo-RHD' ELSE 'Polyomavirus' END"
)
