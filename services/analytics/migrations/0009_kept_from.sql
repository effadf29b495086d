-- Since when clicks and counts by minute are kept, in one row. What was dropped stays dropped when a retention is raised afterwards: it is
-- not read as if nobody had clicked, and not counted again if it comes again. Processes that do not know this table go on as before.
create table click_retention (
  clicks_from date not null,
  minutes_from date not null
);
insert into click_retention values ('-infinity', '-infinity');
