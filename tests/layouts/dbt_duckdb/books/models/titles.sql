select * from (values (1, 'Emma', 1815), (2, 'Persuasion', 1817)) as t (id, title, year)
