"""A page to learn merges from: short enough to watch every one of them, long enough for words to have relatives.

Notebook 02 trains its first tokenizer on it. There is a car in the carpet, the carpenter and the scarf.
"""

PAGE = """\
The carpenter has an old red car. In the back of the car lies a carpet, and on the carpet sleeps the cat. The cat likes
the carpet, the carpenter likes the cat, and nobody asks how the hairs got onto the scarf. Every morning they take the
road along the harbor. There the painter is painting the boats that she painted last year, for paint does not last where
the wind tastes of salt. She waves her brush at the carpenter, the carpenter waves his cap at the painter, and the cat
looks at the fishermen's boats, because boats bring fish, and fish is the reason for getting up at all.

On market days the car is full. There are three chairs for the baker, a shelf for the teacher, and a small wooden bird
for the teacher's daughter, who collects birds. She has a bird of glass, a bird of paper, a bird of bread that the baker
baked for her birthday, and a photograph of a bird that was gone before the camera was ready. "What is in the image?"
asks the carpenter. "A bird," says the girl. "It is the place where a bird was. You have to read the caption."

In the evening the light turns yellow, then orange, then blue. The shops are shut, the boats are in, the market place is
empty but for one glove and some feathers. The carpenter carries the carpet back to the car. The cat walks ahead, for it
is the cat's carpet, after all. Somewhere a radio is playing, and somebody is singing along, not quite the right words,
not quite in the right places, but the tune is the tune, and everybody on the street knows which one it is.
"""
