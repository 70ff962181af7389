"""Famous people and the professions of the world."""

# name | profession | country of birth | famous for | sex
PEOPLE = """
Einstein | physicist | Germany | relativity | m
Newton | physicist | England | gravity | m
Maxwell | physicist | Scotland | light | m
Heisenberg | physicist | Germany | uncertainty | m
Schrodinger | physicist | Austria | a cat | m
Bohr | physicist | Denmark | the atom | m
Fermi | physicist | Italy | the reactor | m
Curie | chemist | Poland | radium | f
Lavoisier | chemist | France | oxygen | m
Mendeleev | chemist | Russia | the table of elements | m
Pasteur | chemist | France | vaccines | m
Nobel | chemist | Sweden | dynamite | m
Darwin | biologist | England | evolution | m
Linnaeus | biologist | Sweden | the names of plants | m
Goodall | biologist | England | chimpanzees | f
Galileo | astronomer | Italy | the telescope | m
Copernicus | astronomer | Poland | the solar system | m
Kepler | astronomer | Germany | the orbits of planets | m
Hubble | astronomer | the United States | galaxies | m
Brahe | astronomer | Denmark | the stars | m
Euler | mathematician | Switzerland | graphs | m
Gauss | mathematician | Germany | numbers | m
Ramanujan | mathematician | India | infinite series | m
Noether | mathematician | Germany | symmetry | f
Turing | mathematician | England | the computer | m
Pythagoras | mathematician | Greece | triangles | m
Plato | philosopher | Greece | the cave | m
Aristotle | philosopher | Greece | logic | m
Socrates | philosopher | Greece | questions | m
Confucius | philosopher | China | wisdom | m
Kant | philosopher | Germany | reason | m
Descartes | philosopher | France | doubt | m
Nietzsche | philosopher | Germany | the superman | m
Kierkegaard | philosopher | Denmark | anxiety | m
Mozart | composer | Austria | operas | m
Beethoven | composer | Germany | symphonies | m
Bach | composer | Germany | fugues | m
Chopin | composer | Poland | piano music | m
Verdi | composer | Italy | operas | m
Vivaldi | composer | Italy | violin music | m
Tchaikovsky | composer | Russia | ballets | m
Debussy | composer | France | piano music | m
Grieg | composer | Norway | piano music | m
Sibelius | composer | Finland | symphonies | m
Dvorak | composer | Czechia | symphonies | m
Liszt | composer | Hungary | piano music | m
Elgar | composer | England | marches | m
Gershwin | composer | the United States | jazz | m
Picasso | painter | Spain | cubism | m
Dali | painter | Spain | melting clocks | m
Monet | painter | France | water lilies | m
Rembrandt | painter | the Netherlands | portraits | m
Vermeer | painter | the Netherlands | a pearl | m
Munch | painter | Norway | a scream | m
Klimt | painter | Austria | golden paintings | m
Kahlo | painter | Mexico | portraits | f
Turner | painter | England | storms at sea | m
Hokusai | painter | Japan | a great wave | m
Warhol | painter | the United States | soup cans | m
Michelangelo | sculptor | Italy | marble statues | m
Rodin | sculptor | France | bronze statues | m
Thorvaldsen | sculptor | Denmark | marble statues | m
Gaudi | architect | Spain | strange churches | m
Wren | architect | England | churches | m
Shakespeare | playwright | England | plays | m
Ibsen | playwright | Norway | plays | m
Moliere | playwright | France | comedies | m
Chekhov | playwright | Russia | plays | m
Tolstoy | novelist | Russia | long novels | m
Dostoevsky | novelist | Russia | dark novels | m
Dickens | novelist | England | novels about poverty | m
Austen | novelist | England | novels about love | f
Cervantes | novelist | Spain | a knight | m
Kafka | novelist | Czechia | strange stories | m
Tagore | poet | India | songs | m
Homer | poet | Greece | epics | m
Dante | poet | Italy | hell and heaven | m
Goethe | poet | Germany | a pact with the devil | m
Neruda | poet | Chile | love poems | m
Burns | poet | Scotland | ballads | m
Napoleon | general | France | battles | m
Bolivar | general | Colombia | freedom | m
Columbus | explorer | Italy | the voyage to America | m
Amundsen | explorer | Norway | the South Pole | m
Magellan | explorer | Portugal | the voyage around the world | m
Gagarin | astronaut | Russia | the first flight in space | m
Armstrong | astronaut | the United States | the first walk on the moon | m
Edison | inventor | the United States | the light bulb | m
Gutenberg | inventor | Germany | the printing press | m
Watt | inventor | Scotland | the steam engine | m
Pele | footballer | Brazil | goals | m
Maradona | footballer | Argentina | goals | m
Federer | tennis player | Switzerland | victories | m
Chaplin | actor | England | silent films | m
Garbo | actor | Sweden | silent films | f
"""

# name | what such a person does | where
PROFESSIONS = """
physicist | studies matter and energy | laboratory
chemist | studies substances | laboratory
biologist | studies living things | laboratory
astronomer | studies the stars | observatory
mathematician | studies numbers | university
philosopher | thinks about life | university
composer | writes music | concert hall
painter | makes pictures | studio
sculptor | makes statues | studio
architect | designs buildings | office
playwright | writes plays | theatre
novelist | writes novels | study
poet | writes poems | study
general | leads an army | battlefield
explorer | discovers new lands | ship
astronaut | flies into space | rocket
inventor | invents machines | workshop
footballer | plays football | stadium
actor | plays roles in films | theatre
doctor | heals the sick | hospital
nurse | cares for the sick | hospital
teacher | teaches children | school
farmer | grows crops | farm
baker | bakes bread | bakery
cook | prepares meals | kitchen
pilot | flies planes | airport
sailor | sails the sea | ship
soldier | fights in wars | army
judge | decides cases | court
carpenter | builds things of wood | workshop
plumber | repairs pipes | house
librarian | looks after books | library
gardener | looks after plants | garden
tailor | sews clothes | shop
butcher | sells meat | shop
tennis player | plays tennis | court
fisherman | catches fish | boat
"""
