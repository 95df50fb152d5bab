"""What people type into the search of their own photographs: text queries for folders that have no captions."""

EVERYDAY_PHRASES = tuple(
    phrase.strip()
    for phrase in """
a dog on the beach; a cat asleep on a sofa; two dogs playing; a puppy; a kitten in a box; a horse in a meadow; birds
on a wire; ducks on a pond; cows in a field; a butterfly on a flower; a spider web with dew; fish in an aquarium; a
squirrel in a tree; sheep on a hill; an elephant at the zoo; a parrot; a snail after the rain; a hedgehog at night; a
baby laughing; a child on a swing; children in the garden; kids blowing out candles; a toddler with ice cream; my
grandmother; an old man with a hat; a woman reading; a man playing the guitar; a girl on a bicycle; a boy with a ball;
a family at the table; friends around a fire; a group photo in front of a house; a couple at sunset; twins; a selfie
in a mirror; a portrait in black and white; somebody asleep on a train; people dancing; a crowd at a concert; a bride
and groom; a birthday party; a Christmas tree; a Halloween costume; carnival masks; fireworks; a graduation; a school
play; a picnic in the park; a barbecue; a snowman; a sledge on a hill; Easter eggs; a funeral wreath; breakfast with
coffee; a cup of tea; a pizza; a bowl of soup; pasta with tomato sauce; sushi; a burger and fries; a birthday cake;
cookies on a tray; fruit at the market; vegetables from the garden; a glass of wine; a bottle of beer; strawberries; a
loaf of bread; cheese on a board; a salad; pancakes; a table laid for dinner; an empty plate; the sea; waves on rocks;
a sandy beach with palm trees; a sunset over the water; a sunrise in the mountains; a rainbow; a snowy forest; autumn
leaves; a waterfall; a lake with a boat; a river under a bridge; a desert; a cave; a glacier; a path through the
woods; a field of sunflowers; a single tree; cherry blossom; a rose; tulips; mushrooms; moss; a cactus; fog in a
valley; lightning; a cloudy sky; the moon; stars at night; a hill with a castle; a cliff; an island from above; a red
car; an old car; a traffic jam; a motorcycle; a bus; a tram; a train at the station; a plane in the sky; the view from
a plane; a bicycle against a wall; a sailing boat; a ferry; a harbor; a truck; a tractor; a hot-air balloon; a street
at night; a skyline; a skyscraper; a church; a mosque; a temple; a market square; a fountain; a statue; a tower; a
lighthouse; a windmill; a ruin; a graveyard; a narrow alley; a staircase; a blue door; a brick wall with graffiti; a
cottage; a house being built; a garden with a fence; a balcony with flowers; a swimming pool; a playground; a tent; a
living room; a kitchen; a bedroom; a bathroom; an office with a computer; a bookshelf; a fireplace; an empty room; a
lamp; a clock; a vase; a piano; a sewing machine; a chess board; toys on the floor; a teddy bear; shoes; a hat;
glasses; a wedding ring; a suitcase; an umbrella in the rain; keys; a telephone; a camera; a television; a broken
window; a newspaper; a handwritten letter; a recipe; a receipt; a parking ticket; a map; a street sign; a menu; a
poster; a screenshot of a chat; a whiteboard after a meeting; a chart; a page of a book; a passport photo; a drawing
by a child; a painting in a museum; a sculpture; a tattoo; a comic; a logo; a bar code; an X-ray; a plan of a flat; a
football match; a runner; a swimmer; skiing; a surfer; climbing; yoga; tennis; a basketball game; a skateboard; ice
skates; a hike in the mountains; camping by a lake; fishing; gardening; painting a wall; repairing a bicycle; moving
house; cooking together; a doctor; a firefighter; a police car; a market stall; a shop window; a hairdresser; a
classroom; something blue; something round; something broken; something funny; a blurred photo; a photo taken by
accident; a close-up of an eye; hands; feet in the sand; a shadow on the ground; a reflection in a puddle; footprints
in the snow; a very dark photo; a photo against the light; a pattern; a texture of wood; smoke; bubbles; a candle;
confetti; a flag
""".replace("\n", " ").split(";")
)
