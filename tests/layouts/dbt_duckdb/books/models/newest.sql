select max(year) as year from {{ ref('titles') }}
