"""`ami watch`: what is found across the records of a meter, as events. At least once, in a process of its own (Faust).

`rules` what is found, pure · `settings` how it runs · `app` Faust around the rules · `consumer` committed records only
· `page` the web view
"""
