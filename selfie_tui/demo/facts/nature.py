"""Animals, foods, dishes and planets."""

# name | class | young | home | what it eats
ANIMALS = """
cow | mammal | calf | farm | grass
horse | mammal | foal | stable | hay
sheep | mammal | lamb | meadow | grass
goat | mammal | kid | farm | leaves
pig | mammal | piglet | farm | roots
dog | mammal | puppy | house | meat
cat | mammal | kitten | house | mice
lion | mammal | cub | savanna | meat
tiger | mammal | cub | jungle | meat
bear | mammal | cub | forest | honey
wolf | mammal | pup | forest | meat
fox | mammal | cub | forest | rabbits
elephant | mammal | calf | savanna | grass
giraffe | mammal | calf | savanna | leaves
kangaroo | mammal | joey | grassland | grass
koala | mammal | joey | forest | leaves
panda | mammal | cub | forest | bamboo
rabbit | mammal | bunny | burrow | carrots
deer | mammal | fawn | forest | leaves
camel | mammal | calf | desert | thorns
whale | mammal | calf | ocean | plankton
dolphin | mammal | calf | ocean | fish
seal | mammal | pup | ocean | fish
bat | mammal | pup | cave | insects
monkey | mammal | infant | jungle | fruit
hen | bird | chick | farm | grain
duck | bird | duckling | pond | weeds
goose | bird | gosling | pond | grass
swan | bird | cygnet | lake | weeds
eagle | bird | eaglet | mountain | rabbits
owl | bird | owlet | forest | mice
penguin | bird | chick | ice | fish
parrot | bird | chick | jungle | nuts
frog | amphibian | tadpole | pond | insects
toad | amphibian | tadpole | marsh | insects
butterfly | insect | caterpillar | meadow | nectar
bee | insect | larva | hive | nectar
ant | insect | larva | anthill | seeds
crocodile | reptile | hatchling | river | meat
turtle | reptile | hatchling | ocean | weeds
snake | reptile | hatchling | grassland | mice
salmon | fish | fry | river | insects
shark | fish | pup | ocean | fish
spider | arachnid | spiderling | web | flies
"""

# name | class | colour | taste
FOODS = """
banana | fruit | yellow | sweet
lemon | fruit | yellow | sour
strawberry | fruit | red | sweet
cherry | fruit | red | sweet
raspberry | fruit | red | sweet
blueberry | fruit | blue | sweet
lime | fruit | green | sour
kiwi | fruit | green | sour
apricot | fruit | orange | sweet
mango | fruit | orange | sweet
grapefruit | fruit | pink | bitter
coconut | fruit | brown | sweet
blackberry | fruit | black | sweet
date | fruit | brown | sweet
tomato | vegetable | red | mild
beet | vegetable | purple | sweet
carrot | vegetable | orange | sweet
pumpkin | vegetable | orange | mild
spinach | vegetable | green | bitter
broccoli | vegetable | green | mild
lettuce | vegetable | green | mild
cucumber | vegetable | green | mild
pea | vegetable | green | sweet
eggplant | vegetable | purple | bitter
corn | vegetable | yellow | sweet
potato | vegetable | brown | mild
cauliflower | vegetable | white | mild
garlic | vegetable | white | spicy
olive | fruit | green | bitter
milk | drink | white | mild
coffee | drink | black | bitter
tea | drink | brown | bitter
wine | drink | red | sour
butter | fat | yellow | mild
honey | sweetener | golden | sweet
sugar | sweetener | white | sweet
salt | spice | white | salty
pepper | spice | black | spicy
chili | spice | red | spicy
saffron | spice | golden | bitter
chocolate | sweet | brown | sweet
"""

# name | country | main ingredient
DISHES = """
sushi | Japan | fish
ramen | Japan | noodles
pizza | Italy | dough
risotto | Italy | rice
lasagna | Italy | pasta
paella | Spain | rice
gazpacho | Spain | tomatoes
ratatouille | France | vegetables
quiche | France | eggs
goulash | Hungary | beef
pierogi | Poland | dumplings
borscht | Ukraine | beets
blini | Russia | pancakes
moussaka | Greece | eggplant
haggis | Scotland | sheep
schnitzel | Austria | veal
strudel | Austria | apples
sauerkraut | Germany | cabbage
fondue | Switzerland | cheese
baklava | Turkey | nuts
biryani | India | rice
dal | India | lentils
kimchi | South Korea | cabbage
bibimbap | South Korea | rice
pho | Vietnam | noodles
satay | Indonesia | chicken
laksa | Malaysia | noodles
tagine | Morocco | lamb
jollof | Nigeria | rice
injera | Ethiopia | grain
tacos | Mexico | corn
guacamole | Mexico | avocado
ceviche | Peru | fish
feijoada | Brazil | beans
asado | Argentina | beef
poutine | Canada | potatoes
"""

# name | what it is like
PLANETS = """
Mercury | the smallest planet
Venus | the hottest planet
Earth | the planet with life
Mars | the red planet
Jupiter | the largest planet
Saturn | the planet with rings
Uranus | the tilted planet
Neptune | the windiest planet
"""
