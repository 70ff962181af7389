"""Objects, colours, feelings, opposites, gender pairs and the ordered words."""

# name | what it is used to do | material
OBJECTS = """
knife | cut | steel
hammer | hit | iron
saw | cut | steel
needle | sew | steel
broom | sweep | straw
pen | write | plastic
pencil | write | wood
brush | paint | hair
spoon | stir | steel
fork | eat | steel
cup | drink | clay
bottle | drink | glass
pot | boil | iron
oven | bake | iron
fridge | cool | steel
soap | wash | fat
towel | dry | cotton
comb | comb | plastic
mirror | look | glass
window | look | glass
lamp | shine | glass
candle | shine | wax
key | open | brass
lock | close | brass
ladder | climb | wood
rope | tie | hemp
boat | sail | wood
car | drive | steel
bicycle | ride | steel
plane | fly | aluminium
train | travel | steel
phone | call | plastic
camera | photograph | plastic
clock | measure | brass
ruler | measure | wood
scale | weigh | iron
bed | sleep | wood
chair | sit | wood
sofa | sit | leather
tent | camp | canvas
spade | dig | iron
axe | chop | iron
piano | play | wood
guitar | play | wood
violin | play | wood
drum | play | leather
ball | play | leather
coat | warm | wool
scarf | warm | wool
shirt | wear | cotton
boot | wear | leather
ring | wear | gold
"""

# name | a thing of that colour
COLOURS = """
red | blood
blue | the sky
green | grass
yellow | the sun
white | snow
black | coal
brown | earth
pink | a rose
purple | a violet
orange | a carrot
grey | ash
golden | a crown
"""

# feeling | good or bad | the noun of the feeling
FEELINGS = """
happy | good | happiness
sad | bad | sadness
angry | bad | anger
afraid | bad | fear
bored | bad | boredom
amused | good | amusement
surprised | good | surprise
calm | good | calm
proud | good | pride
disgusted | bad | disgust
excited | good | excitement
lonely | bad | loneliness
"""

# what a review says | the feeling it leaves
REVIEWS = """
wonderful | happy
great | happy
lovely | happy
terrible | angry
awful | angry
unfair | angry
tragic | sad
gloomy | sad
frightening | afraid
scary | afraid
dull | bored
tedious | bored
funny | amused
witty | amused
unexpected | surprised
peaceful | calm
disgusting | disgusted
filthy | disgusted
thrilling | excited
"""

REVIEWED = "film book meal concert game party hotel shop show trip"

# what happened | the feeling it left
EVENTS = """
found a lost dog | happy
won a prize | proud
got a present | happy
lost a friend | sad
broke a leg | sad
saw a ghost | afraid
heard a loud noise at night | afraid
waited for three hours | bored
heard a good joke | amused
missed the train because of a lie | angry
was cheated by a stranger | angry
sat by a quiet lake | calm
found a worm in the soup | disgusted
spent the winter alone | lonely
met an old friend by chance | surprised
went to the moon | excited
"""

NAMES = "Anna Ben Clara David Emma Felix Greta Henry Ida Jack Kate Leo Mary Nina Oscar Paul Rosa Sam Tom Vera"

OPPOSITES = """
hot | cold
big | small
tall | short
fast | slow
bright | dark
good | bad
young | old
rich | poor
hard | soft
wet | dry
full | empty
clean | dirty
strong | weak
loud | quiet
early | late
high | low
wide | narrow
thick | thin
deep | shallow
near | far
open | closed
cheap | expensive
true | false
right | wrong
safe | dangerous
simple | complex
sharp | blunt
brave | cowardly
beautiful | ugly
kind | cruel
wise | foolish
guilty | innocent
ancient | modern
public | private
first | last
up | down
inside | outside
day | night
summer | winter
war | peace
love | hate
life | death
friend | enemy
victory | defeat
beginning | end
question | answer
north | south
east | west
always | never
everything | nothing
"""

# man | woman | what such a man or woman does
GENDERS = """
man | woman | is grown up
boy | girl | is young
king | queen | rules a kingdom
prince | princess | is born to a king
emperor | empress | rules an empire
duke | duchess | rules a duchy
father | mother | has children
son | daughter | is born to parents
brother | sister | shares parents with another
uncle | aunt | is the sibling of a parent
nephew | niece | is born to a sibling
grandfather | grandmother | has grandchildren
husband | wife | is married
groom | bride | has a wedding
wizard | witch | does magic
hero | heroine | saves people
waiter | waitress | serves meals
monk | nun | prays
"""

ORDERS = """
day | Monday Tuesday Wednesday Thursday Friday Saturday Sunday
month | January February March April May June July August September October November December
number | one two three four five six seven eight nine ten eleven twelve
"""

# words with no fact of their own
PLAIN = """
the of in is a an and to was has with for on at by from that this it he she they we you not but so because who which
where when very all some more most other than then there here one word message thing stands lies located situated
city country capital language currency continent famous known born called speak spoken used made comes
"""
