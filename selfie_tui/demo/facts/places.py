"""Countries, cities and landmarks."""

# name | capital | continent | language | currency | demonym
COUNTRIES = """
France | Paris | Europe | French | euro | French
Germany | Berlin | Europe | German | euro | German
Italy | Rome | Europe | Italian | euro | Italian
Spain | Madrid | Europe | Spanish | euro | Spanish
Portugal | Lisbon | Europe | Portuguese | euro | Portuguese
Greece | Athens | Europe | Greek | euro | Greek
Austria | Vienna | Europe | German | euro | Austrian
Ireland | Dublin | Europe | English | euro | Irish
Belgium | Brussels | Europe | Dutch | euro | Belgian
the Netherlands | Amsterdam | Europe | Dutch | euro | Dutch
Finland | Helsinki | Europe | Finnish | euro | Finnish
Sweden | Stockholm | Europe | Swedish | krona | Swedish
Norway | Oslo | Europe | Norwegian | krone | Norwegian
Denmark | Copenhagen | Europe | Danish | krone | Danish
Iceland | Reykjavik | Europe | Icelandic | krona | Icelandic
Poland | Warsaw | Europe | Polish | zloty | Polish
Czechia | Prague | Europe | Czech | koruna | Czech
Hungary | Budapest | Europe | Hungarian | forint | Hungarian
Romania | Bucharest | Europe | Romanian | leu | Romanian
Bulgaria | Sofia | Europe | Bulgarian | euro | Bulgarian
Croatia | Zagreb | Europe | Croatian | euro | Croatian
Serbia | Belgrade | Europe | Serbian | dinar | Serbian
Ukraine | Kyiv | Europe | Ukrainian | hryvnia | Ukrainian
Russia | Moscow | Europe | Russian | ruble | Russian
Switzerland | Bern | Europe | German | franc | Swiss
Scotland | Edinburgh | Europe | English | pound | Scottish
England | London | Europe | English | pound | English
Estonia | Tallinn | Europe | Estonian | euro | Estonian
Latvia | Riga | Europe | Latvian | euro | Latvian
Lithuania | Vilnius | Europe | Lithuanian | euro | Lithuanian
Slovakia | Bratislava | Europe | Slovak | euro | Slovak
Turkey | Ankara | Asia | Turkish | lira | Turkish
China | Beijing | Asia | Chinese | yuan | Chinese
Japan | Tokyo | Asia | Japanese | yen | Japanese
India | New Delhi | Asia | Hindi | rupee | Indian
Pakistan | Islamabad | Asia | Urdu | rupee | Pakistani
Bangladesh | Dhaka | Asia | Bengali | taka | Bangladeshi
Nepal | Kathmandu | Asia | Nepali | rupee | Nepali
Thailand | Bangkok | Asia | Thai | baht | Thai
Vietnam | Hanoi | Asia | Vietnamese | dong | Vietnamese
Cambodia | Phnom Penh | Asia | Khmer | riel | Cambodian
Indonesia | Jakarta | Asia | Indonesian | rupiah | Indonesian
Malaysia | Kuala Lumpur | Asia | Malay | ringgit | Malaysian
Mongolia | Ulaanbaatar | Asia | Mongolian | tugrik | Mongolian
South Korea | Seoul | Asia | Korean | won | Korean
Iran | Tehran | Asia | Persian | rial | Iranian
Iraq | Baghdad | Asia | Arabic | dinar | Iraqi
Jordan | Amman | Asia | Arabic | dinar | Jordanian
Saudi Arabia | Riyadh | Asia | Arabic | riyal | Saudi
Kazakhstan | Astana | Asia | Kazakh | tenge | Kazakh
Georgia | Tbilisi | Asia | Georgian | lari | Georgian
Armenia | Yerevan | Asia | Armenian | dram | Armenian
Egypt | Cairo | Africa | Arabic | pound | Egyptian
Morocco | Rabat | Africa | Arabic | dirham | Moroccan
Kenya | Nairobi | Africa | Swahili | shilling | Kenyan
Ethiopia | Addis Ababa | Africa | Amharic | birr | Ethiopian
Ghana | Accra | Africa | English | cedi | Ghanaian
Nigeria | Abuja | Africa | English | naira | Nigerian
the United States | Washington | America | English | dollar | American
Canada | Ottawa | America | English | dollar | Canadian
Mexico | Mexico City | America | Spanish | peso | Mexican
Cuba | Havana | America | Spanish | peso | Cuban
Brazil | Brasilia | America | Portuguese | real | Brazilian
Argentina | Buenos Aires | America | Spanish | peso | Argentine
Chile | Santiago | America | Spanish | peso | Chilean
Peru | Lima | America | Spanish | sol | Peruvian
Colombia | Bogota | America | Spanish | peso | Colombian
Australia | Canberra | Oceania | English | dollar | Australian
"""

# name | country; capitals are cities too and come with their countries
CITIES = """
Lyon | France
Marseille | France
Nice | France
Munich | Germany
Hamburg | Germany
Cologne | Germany
Dresden | Germany
Milan | Italy
Venice | Italy
Florence | Italy
Pisa | Italy
Naples | Italy
Turin | Italy
Barcelona | Spain
Seville | Spain
Granada | Spain
Valencia | Spain
Porto | Portugal
Salzburg | Austria
Antwerp | Belgium
Rotterdam | the Netherlands
Krakow | Poland
Istanbul | Turkey
Saint Petersburg | Russia
Novosibirsk | Russia
Zurich | Switzerland
Geneva | Switzerland
Glasgow | Scotland
Liverpool | England
Manchester | England
Oxford | England
Bergen | Norway
Gothenburg | Sweden
Odesa | Ukraine
Shanghai | China
Xian | China
Kyoto | Japan
Osaka | Japan
Hiroshima | Japan
Agra | India
Mumbai | India
Jaipur | India
Amritsar | India
Hyderabad | India
Lahore | Pakistan
Karachi | Pakistan
Busan | South Korea
Isfahan | Iran
Giza | Egypt
Alexandria | Egypt
Marrakesh | Morocco
Casablanca | Morocco
Lagos | Nigeria
New York | the United States
San Francisco | the United States
Los Angeles | the United States
Chicago | the United States
Seattle | the United States
Philadelphia | the United States
Toronto | Canada
Rio de Janeiro | Brazil
Sydney | Australia
Melbourne | Australia
"""

# name | kind | city
LANDMARKS = """
the Eiffel Tower | tower | Paris
the Louvre | museum | Paris
Notre Dame | cathedral | Paris
the Colosseum | amphitheatre | Rome
the Trevi Fountain | fountain | Rome
the Pantheon | temple | Rome
Big Ben | clock | London
the Shard | skyscraper | London
Buckingham Palace | palace | London
the Brandenburg Gate | gate | Berlin
the Reichstag | parliament | Berlin
the Zwinger | palace | Dresden
the Parthenon | temple | Athens
the Acropolis | fortress | Athens
the Taj Mahal | tomb | Agra
India Gate | gate | New Delhi
the Lotus Temple | temple | New Delhi
the Hawa Mahal | palace | Jaipur
the Golden Temple | temple | Amritsar
the Charminar | monument | Hyderabad
the Badshahi Mosque | mosque | Lahore
the Kremlin | fortress | Moscow
Red Square | square | Moscow
the Bolshoi | theatre | Moscow
the Hermitage | museum | Saint Petersburg
the Winter Palace | palace | Saint Petersburg
the Hagia Sophia | mosque | Istanbul
the Blue Mosque | mosque | Istanbul
the Galata Tower | tower | Istanbul
the Forbidden City | palace | Beijing
the Temple of Heaven | temple | Beijing
the Pearl Tower | tower | Shanghai
the Terracotta Army | monument | Xian
the Meiji Shrine | shrine | Tokyo
the Rainbow Bridge | bridge | Tokyo
the Golden Pavilion | temple | Kyoto
Gyeongbokgung | palace | Seoul
the Statue of Liberty | statue | New York
the Empire State Building | skyscraper | New York
Central Park | park | New York
the Brooklyn Bridge | bridge | New York
Times Square | square | New York
the Golden Gate Bridge | bridge | San Francisco
Alcatraz | prison | San Francisco
the White House | palace | Washington
the Lincoln Memorial | monument | Washington
the Space Needle | tower | Seattle
the Hollywood Sign | monument | Los Angeles
the Liberty Bell | bell | Philadelphia
the Willis Tower | skyscraper | Chicago
the Sagrada Familia | church | Barcelona
Camp Nou | stadium | Barcelona
the Prado | museum | Madrid
the Giralda | tower | Seville
the Alhambra | fortress | Granada
the Belem Tower | tower | Lisbon
La Scala | theatre | Milan
the Rialto Bridge | bridge | Venice
the Ponte Vecchio | bridge | Florence
the Uffizi | museum | Florence
the Leaning Tower | tower | Pisa
the Atomium | monument | Brussels
the Rijksmuseum | museum | Amsterdam
the Erasmus Bridge | bridge | Rotterdam
Schonbrunn Palace | palace | Vienna
the Hofburg | palace | Vienna
Charles Bridge | bridge | Prague
the Little Mermaid | statue | Copenhagen
Tivoli Gardens | park | Copenhagen
the Vasa Museum | museum | Stockholm
Vigeland Park | park | Oslo
Buda Castle | castle | Budapest
the Chain Bridge | bridge | Budapest
Wawel Castle | castle | Krakow
the Marienplatz | square | Munich
Holyrood Palace | palace | Edinburgh
Trinity College | college | Dublin
Anfield | stadium | Liverpool
Hallgrimskirkja | church | Reykjavik
Christ the Redeemer | statue | Rio de Janeiro
Sugarloaf Mountain | mountain | Rio de Janeiro
the Casa Rosada | palace | Buenos Aires
the Harbour Bridge | bridge | Sydney
Bondi Beach | beach | Sydney
the Petronas Towers | skyscraper | Kuala Lumpur
the Great Sphinx | statue | Giza
"""

# name | kind | country; sights that stand in no city
SIGHTS = """
Mount Everest | mountain | Nepal
Mount Fuji | mountain | Japan
Mount Etna | volcano | Italy
Mount Ararat | mountain | Turkey
the Matterhorn | mountain | Switzerland
Loch Ness | lake | Scotland
Lake Baikal | lake | Russia
Stonehenge | monument | England
Machu Picchu | ruin | Peru
Angkor Wat | temple | Cambodia
Petra | ruin | Jordan
Uluru | rock | Australia
the Grand Canyon | canyon | the United States
Chichen Itza | ruin | Mexico
"""
