"""What no rule reaches: the tables behind `grammar.py`, read once by eye against all names."""

from __future__ import annotations

# Names that are no noun phrases, or whose image is another thing than the name's last word.
PHRASES = {
    # Smileys
    "rolling on the floor laughing": "face rolling on the floor laughing",
    "star-struck": "star-struck face",
    "face with hand over mouth": "face with a hand over its mouth",
    "face with open eyes and hand over mouth": "face with open eyes and a hand over its mouth",
    "face with symbols on mouth": "face with symbols on its mouth",
    "face with steam from nose": "face with steam from its nose",
    "heart exclamation": "heart exclamation mark",
    "revolving hearts": "pair of revolving hearts",
    "two hearts": "pair of hearts",
    "hundred points": "hundred points symbol",
    "collision": "collision symbol",
    "dizzy": "dizzy star",
    "dashing away": "dashing cloud of dust",
    "ZZZ": "ZZZ symbol",
    # Hands and people
    "raised back of hand": "raised back of a hand",
    "palm down hand": "palm-down hand",
    "palm up hand": "palm-up hand",
    "call me hand": "call-me hand",
    "backhand index pointing left": "backhand index finger pointing left",
    "backhand index pointing right": "backhand index finger pointing right",
    "backhand index pointing up": "backhand index finger pointing up",
    "backhand index pointing down": "backhand index finger pointing down",
    "index pointing up": "index finger pointing up",
    "index pointing at the viewer": "index finger pointing at the viewer",
    "thumbs up": "thumbs-up sign",
    "thumbs down": "thumbs-down sign",
    "nail polish": "hand with nail polish",
    "breast-feeding": "woman breast-feeding a baby",
    "horse racing": "jockey on a racing horse",
    "people with bunny ears": "pair of people with bunny ears",
    "men with bunny ears": "pair of men with bunny ears",
    "women with bunny ears": "pair of women with bunny ears",
    "person in suit levitating": "levitating person in a suit",
    "people wrestling": "pair of people wrestling",
    "men wrestling": "pair of men wrestling",
    "women wrestling": "pair of women wrestling",
    "people holding hands": "pair of people holding hands",
    "women holding hands": "pair of women holding hands",
    "men holding hands": "pair of men holding hands",
    "woman and man holding hands": "couple of a woman and a man holding hands",
    "people hugging": "pair of people hugging",
    "busts in silhouette": "pair of busts in silhouette",
    # Nature and food
    "four leaf clover": "four-leaf clover",
    "cooking": "egg in a frying pan",
    "mate": "cup of mate",
    "ice": "ice cube",
    "pouring liquid": "glass pouring liquid",
    "leafy green": "leafy green vegetable",
    "baguette bread": "loaf of baguette bread",
    "bread": "loaf of bread",
    "canned food": "can of food",
    "cooked rice": "bowl of cooked rice",
    "curry rice": "plate of curry rice",
    "popcorn": "box of popcorn",
    "spaghetti": "plate of spaghetti",
    # Travel and places
    "globe showing Europe-Africa": "globe showing Europe and Africa",
    "globe showing Americas": "globe showing the Americas",
    "globe showing Asia-Australia": "globe showing Asia and Australia",
    "camping": "campsite",
    "building construction": "building under construction",
    "wedding": "wedding chapel",
    "foggy": "foggy cityscape",
    "night with stars": "night sky with stars",
    "metro": "metro train",
    "light rail": "light rail train",
    "construction": "construction barrier",
    "airplane departure": "departing airplane",
    "airplane arrival": "arriving airplane",
    "hourglass done": "finished hourglass",
    "hourglass not done": "unfinished hourglass",
    "milky way": "view of the Milky Way",
    "high voltage": "high voltage sign",
    "wood": "log of wood",
    # Activities
    "tennis": "tennis ball",
    "bowling": "bowling ball and pins",
    "cricket game": "cricket bat and ball",
    "field hockey": "field hockey stick and ball",
    "ice hockey": "ice hockey stick and puck",
    "lacrosse": "lacrosse stick and ball",
    "ping pong": "ping pong paddle and ball",
    "badminton": "badminton racquet and shuttlecock",
    "performing arts": "pair of performing arts masks",
    "thread": "spool of thread",
    "yarn": "ball of yarn",
    "mahjong red dragon": "mahjong red dragon tile",
    "joker": "joker card",
    "woman's clothes": "woman's blouse",
    # Objects
    "speaker low volume": "speaker at low volume",
    "speaker medium volume": "speaker at medium volume",
    "speaker high volume": "speaker at high volume",
    "dvd": "DVD",
    "chart increasing": "increasing chart",
    "chart decreasing": "decreasing chart",
    "chart increasing with yen": "increasing chart with a yen sign",
    "locked": "locked padlock",
    "unlocked": "unlocked padlock",
    "locked with pen": "padlock with a pen",
    "locked with key": "padlock with a key",
    "dna": "strand of DNA",
    "soap": "bar of soap",
    "x-ray": "x-ray image",
    # Symbols
    "om": "om symbol",
    "yin yang": "yin yang symbol",
    "infinity": "infinity sign",
    "multiply": "multiplication sign",
    "plus": "plus sign",
    "minus": "minus sign",
    "divide": "division sign",
    "currency exchange": "currency exchange sign",
    "copyright": "copyright sign",
    "registered": "registered sign",
    "trade mark": "trade mark sign",
    "cinema": "cinema sign",
    "wireless": "wireless sign",
    "vibration mode": "vibration mode sign",
    "mobile phone off": "mobile phone off sign",
    "place of worship": "place of worship sign",
    "input latin uppercase": "Latin uppercase input symbol",
    "input latin lowercase": "Latin lowercase input symbol",
    "input latin letters": "Latin letters input symbol",
    "input numbers": "numbers input symbol",
    "input symbols": "symbols input symbol",
    "information": "information sign",
    "circled M": "circled letter M",
}

# Spellings with the capitals that English wants.
PROPER_NOUNS = (
    "American football", "Vulcan", "Mount Fuji", "Tokyo Tower", "Kaaba", "Hindu", "Shinto", "Latin", "Orthodox",
    "Ferris wheel", "French fries",
)  # fmt: skip

# Subgroups whose names say what a sign means ("no smoking"), not that it is one.
SIGN_SUBGROUPS = {"transport-sign", "warning"}

# What follows "with", "in" or "on" without an article, though it is singular.
BARE_COMPLEMENTS = {
    "bed", "silhouette", "sweat", "snow", "rain", "lightning", "lightning and rain", "fire", "fear",
    "fingers splayed", "index finger and thumb crossed",
}  # fmt: skip

# ... and with "the".
THE_COMPLEMENTS = {"lotus position", "ground", "wind"}

# Mass nouns, proper nouns and one plural that ends in no noun: "bacon on a plate", not "a bacon".
WITHOUT_ARTICLE = {
    "meat", "bacon", "butter", "salt", "oden", "sushi", "dango", "shaved ice", "sake", "garlic", "broccoli",
    "luggage", "palms up together", "fog", "money", "Mount Fuji", "coral", "food", "bread", "music", "art",
}  # fmt: skip

# What inflect takes for singular, and for plural, and its plurals that are not the usual ones.
ALWAYS_PLURAL = {"scissors"}
NOT_PLURAL = {"biceps", "crossbones", "pins", "rhinoceros"}
IRREGULAR_PLURALS = {
    "raised back of a hand": "raised backs of hands", "fleur-de-lis": "fleurs-de-lis", "shrimp": "shrimp",
    "squid": "squid", "bison": "bison", "buffalo": "buffalo", "cactus": "cacti", "crossbones": "crossbones",
    "pins": "pins", "burrito": "burritos", "dodo": "dodos", "banjo": "banjos", "monarch": "monarchs", "halo": "halos",
    "tuxedo": "tuxedos", "flamingo": "flamingos", "rhinoceros": "rhinoceroses", "DVD": "DVDs", "M": "Ms",
    "fungus": "fungi",
}  # fmt: skip

# First words that take "an" though inflect says "a".
AN_WORDS = {"SOS", "herb", "Åland"}

# Territories by the name that a person would write, and those (or their last words) that take "the".
COUNTRIES = {
    "Cocos (Keeling) Islands": "Cocos Islands",
    "Congo - Kinshasa": "the Democratic Republic of the Congo",
    "Congo - Brazzaville": "the Republic of the Congo",
    "Hong Kong SAR China": "Hong Kong",
    "Macao SAR China": "Macao",
    "Myanmar (Burma)": "Myanmar",
    "South Georgia & South Sandwich Islands": "South Georgia and the South Sandwich Islands",
    "St. Vincent & Grenadines": "St. Vincent and the Grenadines",
    "Heard & McDonald Islands": "Heard Island and the McDonald Islands",
}

COUNTRIES_WITH_THE = {
    "Islands", "Emirates", "Republic", "Kingdom", "States", "Territories", "Territory", "Nations", "Union",
    "Netherlands", "Bahamas", "Comoros", "Gambia", "Maldives", "Philippines", "Seychelles", "Isle of Man",
}  # fmt: skip

# Words that are no singular countable noun in a caption, or say too little: never synonyms.
TOO_GENERAL = {
    "game", "sport", "sweet", "video", "punctuation", "communication", "identification", "plumage", "makeup",
    "tableware", "cash", "currency", "construction", "flavoring", "credit", "earth", "world", "paper", "ice",
    "chocolate", "clothing", "saturn", "light", "index", "creature",
}  # fmt: skip

# Keywords that are true of every image of a subgroup that has them.
TRUE_OF_SUBGROUP = {
    "animal-mammal": {"pet"},
    "plant-flower": {"flower"},
    "food-fruit": {"fruit"},
    "food-vegetable": {"vegetable"},
    "place-building": {"building"},
    "transport-ground": {"vehicle"},
    "musical-instrument": {"instrument"},
    "sky & weather": {"moon"},
}

# Keywords that are true of one image though WordNet does not say so.
ALSO = {
    "black bird": {"crow"}, "turtle": {"tortoise"}, "health worker": {"doctor", "nurse"},
    "technologist": {"developer", "coder"}, "student": {"graduate"}, "old man": {"grandfather", "grandpa"},
    "old woman": {"grandmother", "grandma", "granny", "lady"}, "woman": {"lady"}, "man in a tuxedo": {"groom"},
    "woman with a veil": {"bride"}, "woman breast-feeding a baby": {"mother", "mom"},
    "woman feeding a baby": {"mother", "mom"}, "man feeding a baby": {"father", "dad"},
    "person feeding a baby": {"parent"}, "police officer": {"cop"}, "superhero": {"hero"},
    "woman superhero": {"heroine"}, "supervillain": {"villain"}, "mage": {"wizard", "sorcerer"},
    "woman mage": {"witch", "sorceress"}, "fairy": {"pixie"}, "person walking": {"pedestrian"},
    "person biking": {"cyclist", "bicyclist"}, "person mountain biking": {"cyclist", "bicyclist"},
    "person lifting weights": {"weightlifter"}, "person with a crown": {"monarch"},
    "pair of people holding hands": {"couple"}, "pair of women holding hands": {"couple"},
    "pair of men holding hands": {"couple"}, "couple of a woman and a man holding hands": {"couple"},
    "goblin": {"monster"}, "leafy green vegetable": {"lettuce"}, "flatbread": {"pita"}, "glass of milk": {"drink"},
    "cup of mate": {"drink"}, "hot beverage": {"coffee"}, "beer mug": {"beer"}, "pot of food": {"stew"},
    "pea pod": {"legume"}, "rock": {"boulder", "stone"}, "house": {"home"}, "minibus": {"van"},
    "articulated lorry": {"semi"}, "sailboat": {"boat", "yacht"}, "ship": {"boat"}, "locomotive": {"train"},
    "cyclone": {"typhoon"}, "tornado": {"whirlwind"}, "water pistol": {"gun"}, "wrapped gift": {"present"},
    "jack-o-lantern": {"pumpkin"}, "running shoe": {"sneaker"}, "high-heeled shoe": {"heel"},
    "woman's blouse": {"shirt"}, "toolbox": {"box"}, "axe": {"hatchet"}, "musical keyboard": {"piano"},
    "bow and arrow": {"weapon"}, "microphone": {"mic"}, "studio microphone": {"mic"}, "speech balloon": {"bubble"},
    "thought balloon": {"bubble"}, "fire": {"flame"},
}  # fmt: skip

# Keywords that WordNet relates, or that end the name, but in another sense; by phrase or by head.
NEVER = {
    "woman mage": {"wizard", "sorcerer"},
    "hot dog": {"dog"}, "fire engine": {"engine"}, "flying saucer": {"saucer"}, "roller coaster": {"coaster"},
    "handshake": {"shake"}, "boy": {"son"}, "girl": {"daughter"}, "llama": {"alpaca", "guanaco"}, "goose": {"gander"},
    "swan": {"cygnet"}, "bouquet": {"flower"}, "wheel": {"vehicle"}, "railway car": {"car"},
    "tram car": {"car", "bus"}, "bullet train": {"bullet"}, "fog": {"cloud"}, "toilet": {"bathroom"},
    "mirror": {"speculum", "reflector"}, "window": {"opening"}, "hook": {"catch"}, "triangular ruler": {"rule"},
    "file cabinet": {"file"}, "heavy dollar sign": {"dollar"}, "medical symbol": {"staff"}, "tropical drink": {"bar"},
    "mobile phone": {"cell"}, "house with a garden": {"garden"}, "clutch bag": {"clutch"}, "ice cream": {"cream"},
    "soft ice cream": {"cream"}, "chocolate bar": {"bar"}, "dragon": {"animal"}, "bear": {"grizzly"},
    "post office": {"office"}, "Japanese post office": {"office"}, "Ferris wheel": {"wheel"},
    "parachute": {"parasail"}, "tiger": {"cat"}, "leopard": {"cat"}, "rice ball": {"ball"}, "fairy": {"person"},
    "child": {"grandchild"}, "mirror ball": {"dance", "party"}, "confetti ball": {"party"},
    "rugby football": {"rugby"}, "ON! arrow": {"mark"}, "judge": {"justice"}, "palms up together": {"together"},
    "flute": {"piccolo"}, "trade mark sign": {"mark"}, "magnifying glass": {"glass"},
}  # fmt: skip

# Heads of "X of Y" that say how much of Y, not what it is.
PARTITIVES = {
    "ear", "loaf", "pile", "bar", "roll", "ball", "spool", "log", "drop", "can", "pot", "cut", "shallow pan", "pair",
    "sheaf", "glass", "dashing cloud", "couple",
}  # fmt: skip

# Words that make no good "tagged ...": function words, interjections, crude words.
NEVER_TAGS = {
    "ass", "pissed", "turd", "fart", "lust", "sexy", "drunk", "not", "here", "who", "why", "maybe", "whatever",
    "again", "over", "out", "off", "way", "yes", "please", "well", "like", "later", "done", "full", "once", "extra",
    "forward", "back", "two", "three", "one", "four", "five", "six", "seven", "eight", "nine", "thirty", "twelve",
    "down", "away", "under", "left", "right", "hello", "bye", "thanks", "sir", "real", "seriously", "totally",
    "clearly", "definitely", "absolutely", "forever", "see", "know", "lit", "dope", "rad",
}  # fmt: skip
